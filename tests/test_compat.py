"""What earlier releases have written still opens; see `tests/compat_files.py`."""

import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing

import numpy as np
import pytest

from gislr.config.tracking_settings import TrackingSettings
from gislr.data.checksums import open_sealed_json, sealed_json
from gislr.data.preparation import prepare_clips
from gislr.data.sources.clips import read_manifest
from gislr.data.store import DESCRIPTION, STORE_VERSION, open_store
from gislr.inference.open_model import open_recognizer
from gislr.sweeping.same_work import WORK
from gislr.tracking.run_search import find_run
from gislr.tracking.tracking_store import connect
from gislr.tracking.training_record import FORMAT
from gislr.utils.errors import GislrError
from hydra_plugins.optuna_sweeper import SweepError
from hydra_plugins.optuna_sweeper._storage import open_study
from tests.commands import TINY, gislr
from tests.compat_files import DATA, FOLDER, SWEEP, TRACKING, TRIALS

TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=sorted(FOLDER.glob("*.tar.xz")), ids=lambda path: path.name)
def kept(request, tmp_path_factory):
    """The files of a release, unpacked on this machine."""
    folder = tmp_path_factory.mktemp("kept") / "other ü place"
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def known(kept):
    return json.loads((kept / "expected.json").read_text()) | dict(np.load(kept / "expected.npz"))


def settings(folder):
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
    return TrackingSettings(uri=uri, experiment="gislr", run_name=None)


def raw_clips(folder):
    return read_manifest(folder / "clips.csv")


def change(database, query, *values):
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(query, values).rowcount > 0


def test_the_store_opens_or_says_to_prepare_again(kept, known):
    written = json.loads((kept / "store" / DESCRIPTION).read_text())
    if written["version"] != STORE_VERSION:
        with pytest.raises(GislrError, match="prepare the data again"):
            open_store(kept / "store")
        return
    store = open_store(kept / "store")
    assert store.fingerprint == known["fingerprint"]
    np.testing.assert_array_equal(store.frames, known["frames"])


def test_the_clips_are_prepared_as_they_were(kept, known, tmp_path):
    run = find_run(settings(kept), known["models"]["run"])
    reading = run.configuration().preprocessing
    store = prepare_clips(raw_clips(kept), settings=reading, cache=tmp_path, workers=1)
    np.testing.assert_array_equal(store.frames, known["frames"])


def test_the_run_is_evaluated_as_it_was(kept, known, tmp_path):
    from gislr.inference.logged_models import predict_logged

    run = find_run(settings(kept), known["models"]["run"])
    reading = run.configuration().preprocessing
    store = prepare_clips(raw_clips(kept), settings=reading, cache=tmp_path, workers=1)
    predictions = predict_logged(run, store, "val")
    np.testing.assert_allclose(predictions.probabilities, known["evaluated"], atol=TOLERANCE)
    [logged] = run.predictions()
    np.testing.assert_allclose(logged.probabilities, known["evaluated"], atol=TOLERANCE)
    assert predictions.score()["acc"] == run.metrics["val_acc"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["run", "exported", "registered"])
def test_every_model_recognizes_what_it_did(kept, known, model, monkeypatch):
    monkeypatch.chdir(kept)
    clips = [raw_clips(kept).read(clip) for clip in range(3)]
    found = open_recognizer(settings(kept), known["models"][model]).probabilities(clips)
    np.testing.assert_allclose(found, known[model], atol=TOLERANCE)


def test_the_study_goes_on(kept, known, tmp_path):
    shutil.copy(kept / "mlruns/studies.db", tmp_path)
    study = open_study(f"sqlite:///{tmp_path}/studies.db", "kept", ["maximize"])
    assert [trial.value for trial in study.trials] == known["study"]
    assert study.best_value == max(known["study"])
    study.tell(study.ask(), 2.0)
    assert study.best_value == 2.0


@pytest.mark.slow
def test_a_sweep_of_other_code_is_refused_and_its_best_trials_begin_another(kept, tmp_path):
    there = shutil.copytree(kept, tmp_path / "copy")
    other = "UPDATE study_user_attributes SET value_json = ? WHERE key = ?"
    work = {"code": "0", "version": "gislr 0.0.9 at commit abc"}
    change(there / "mlruns/studies.db", other, json.dumps(work), WORK)
    project = os.environ | {"PYTHONPATH": os.pathsep.join(os.sys.path)}
    sweep = ["-m", *DATA, *TINY, *SWEEP, TRACKING, f"hydra.sweeper.n_trials={TRIALS}"]
    done = gislr(*sweep, cwd=there, env=project)
    assert done.returncode == 2
    assert "must run the code that began it, gislr 0.0.9 at commit abc" in done.stderr

    another = ["hydra.sweeper.study_name=another", "sweep.warm_start=kept"]
    done = gislr(*sweep, *another, cwd=there, env=project)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(there / "mlruns/studies.db")) as connection:
        query = (
            "SELECT param_value FROM trial_params JOIN trials USING (trial_id) "
            "JOIN studies USING (study_id) WHERE study_name = ?"
        )
        tried = {name: sorted(connection.execute(query, [name])) for name in ("kept", "another")}
    assert tried["kept"] == tried["another"]


def test_a_store_of_a_later_release_is_refused(kept, tmp_path):
    later = shutil.copytree(kept / "store", tmp_path / "store")
    description = open_sealed_json((later / DESCRIPTION).read_bytes())
    (later / DESCRIPTION).write_bytes(sealed_json(description | {"version": 1000}))
    with pytest.raises(GislrError, match="it is one of version 1000"):
        open_store(later)


def test_a_run_of_a_later_release_is_refused(kept, known, tmp_path):
    there = shutil.copytree(kept, tmp_path / "copy")
    run = known["models"]["run"]
    later = "INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES (?, '99', ?)"
    change(there / "mlruns/mlflow.db", later, FORMAT, run)
    with pytest.raises(GislrError, match=r"it is of format 99\. Update gislr\."):
        open_recognizer(settings(there), run)


def test_databases_of_later_releases_are_refused(kept, tmp_path):
    there = shutil.copytree(kept / "mlruns", tmp_path / "mlruns")
    for name in ("mlflow.db", "studies.db"):
        change(there / name, "UPDATE alembic_version SET version_num = 'later'")
    with pytest.raises(GislrError, match="If a newer one has, update MLflow"):
        connect(settings(tmp_path), create=False)
    with pytest.raises(SweepError, match="updating optuna"):
        open_study(f"sqlite:///{there}/studies.db", "kept", ["maximize"])
