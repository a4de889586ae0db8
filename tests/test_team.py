"""Workers that join a study with other code or data, and passwords in addresses, are refused."""

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from gislr.config.composition import compose
from gislr.config.configuration import read_configuration
from gislr.sweeping.same_work import WORK, require_same_work
from gislr.tracking.tracking_store import TrackingError, tracking_uri
from gislr.utils.errors import GislrError
from tests.optuna_sweeper.test_queue import make_sweep

SECRET = "hunter2"
LOCAL = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


def joined(folder, launcher=LOCAL, **data):
    """Joins a study with a small sample; returns the sweep."""
    config = OmegaConf.create({"hydra": {"launcher": {"_target_": launcher}}})
    sweep = make_sweep(folder, config=config)
    keys = {"signs": 2, "signers": 2, "clips": 8} | data
    settings = [f"data.{key}={value}" for key, value in keys.items()]
    cache = f"preparation.cache={folder / 'cache'}"
    configuration = read_configuration(compose("train", *settings, cache, "preparation.workers=1"))
    require_same_work(sweep, configuration)
    return sweep


@pytest.mark.slow
def test_a_worker_with_other_data_is_refused(tmp_path):
    joined(tmp_path)
    joined(tmp_path)
    with pytest.raises(GislrError, match=r"of the study 'study' must have the same data; its data"):
        joined(tmp_path, clips=12)
    joined(tmp_path, "a.Launcher", clips=12)  # it may lack the data of its trials


def test_a_worker_with_other_code_is_refused(tmp_path):
    sweep = joined(tmp_path)
    first = sweep.study.user_attrs[WORK] | {"code": "0", "version": "gislr 0.0.9 at commit abc"}
    sweep.study.set_user_attr(WORK, first)
    with pytest.raises(
        GislrError, match=r"the code that began it, gislr 0.0.9 at commit abc; this"
    ):
        joined(tmp_path)


@pytest.mark.parametrize(
    "uri", [f"http://ann:{SECRET}@127.0.0.1:5000", f"postgresql://h/db?password={SECRET}"]
)
def test_a_tracking_uri_with_a_password_is_refused_without_naming_it(uri):
    with pytest.raises(TrackingError, match=r"no password.*MLFLOW_TRACKING_PASSWORD") as refused:
        tracking_uri(uri)
    assert SECRET not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        f"tracking.uri=http://ann:{SECRET}@127.0.0.1:5000",
        f"hydra.sweeper.storage=postgresql://ann:{SECRET}@127.0.0.1/studies",
        f"hydra.sweeper.storag=postgresql://ann:{SECRET}@127.0.0.1/studies",
    ],
)
def test_a_command_with_a_password_ends_with_a_sentence_that_lacks_it(setting, tmp_path):
    command = [sys.executable, "-m", "gislr.train", "-m", "seed=1,2", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert SECRET not in done.stdout + done.stderr
