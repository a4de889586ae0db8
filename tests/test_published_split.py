"""A manifest's own split: validation drives the training, test is touched once, at the end."""

import re

import pandas as pd
import pytest

from gislr.data.kaggle_folder import read_asl_signs
from tests.commands import TINY, artifacts, gislr_here

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("published split")]


@pytest.fixture(scope="module")
def manifest(asl_signs, tmp_path_factory):
    """The clips of four signers: two to train on, one to validate on, one to test; no names."""
    listing = read_asl_signs(asl_signs)
    splits = dict(zip(sorted(set(listing.signers)), ["train", "train", "dev", "test"], strict=True))
    table = pd.DataFrame(
        {
            "path": listing.paths,
            "sign": [listing.signs[label] for label in listing.labels],
            "split": [splits[signer] for signer in listing.signers],
            "session": listing.signers,
        }
    )
    file = tmp_path_factory.mktemp("manifest") / "clips.csv"
    table.to_csv(file, index=False)
    return ["data=clips", f"data.manifest={file}", f"data.root={asl_signs}"]


@pytest.fixture(scope="module")
def trained(manifest, workplace, client):
    done = gislr_here(*manifest, *workplace[2:], *TINY, "split=listed")
    assert done.returncode == 0, done.stderr
    return done.stdout, re.search(r"\((\w{32})\)", done.stdout)[1]


def test_test_clips_take_no_part_in_a_training(trained, client, tmp_path):
    output, run_id = trained
    assert (
        "1 of 3 splits held out: val; clips: 16 to train on, 8 to validate on, 8 of test kept"
        in output
    )
    assert "signers are unknown" in output
    run = client.get_run(run_id)
    assert run.data.tags["held_out"] == "split val"
    assert run.data.tags["intervals"].startswith("over clips")
    assert not [name for name in run.data.metrics if name.startswith("test")]
    page = (artifacts(client, run, tmp_path) / "evaluation" / "report.html").read_text("utf-8")
    assert "8 clips of the val split" in page
    assert "95% intervals over clips, since signers are unknown; they are optimistic" in page


def test_a_run_counts_how_often_it_was_tested(trained, workplace, client):
    _, run_id = trained
    for times in (1, 2):
        done = gislr_here(f"run={run_id}", "split=test", workplace[-1], module="evaluate")
        assert done.returncode == 0, done.stderr
        assert "8 clips of the test split" in done.stdout
        assert ("report the first result" in done.stderr + done.stdout) == (times > 1)
        run = client.get_run(run_id)
        assert run.data.tags["test_evaluations"] == str(times)
        assert 0 <= run.data.metrics["test_acc"] <= 1
    assert (
        "equals the logged metrics" in gislr_here(run_id, workplace[-1], module="evaluate").stdout
    )


def test_unknown_signers_cannot_be_held_out_but_sessions_can(manifest, workplace, client):
    done = gislr_here(*manifest, *workplace[2:], *TINY)
    assert done.returncode == 2
    assert "split=group_shuffle needs every clip's signer" in done.stderr
    assert "it says session: use split.column" in done.stderr
    done = gislr_here(*manifest, *workplace[2:], *TINY, "split=by_column", "split.column=session")
    assert done.returncode == 0, done.stderr
    assert "1 of 4 sessions held out: " in done.stdout


@pytest.mark.release
def test_a_teacher_and_a_run_to_start_from_must_not_know_what_is_held_out(
    trained, manifest, workplace, client
):
    _, run_id = trained
    # A teacher of the same split; its clips of test have no soft labels.
    same = [*manifest, *workplace[2:], *TINY, "split=listed", "training.epochs=1"]
    done = gislr_here(*same, f"distillation.teachers=[{run_id}]")
    assert done.returncode == 0, done.stderr
    other = [argument for argument in same if argument != "split=listed"]
    other += ["split=by_column", "split.column=session"]
    for key in (f"distillation.teachers=[{run_id}]", f"model.from={run_id}"):
        done = gislr_here(*other, key)
        assert done.returncode == 2
        assert "must not know the clips held out; run" in done.stderr
