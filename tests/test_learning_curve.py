"""Learning curves: numbers that can be worked out, and the command."""

import numpy as np
import pandas as pd
import pytest

from gislr.cli.arguments import with_clip_counts
from gislr.evaluation.figures.score_figures import score_by_clips
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.sweeping.learning_curve_tracker import learning_curve
from gislr.utils.errors import SettingError
from tests.commands import TINY, artifacts, gislr, sweep_runs


def predictions(right):
    """Ten clips of ten signers and two signs, of which the first ones are recognized."""
    labels = np.arange(10, dtype=np.int32) % 2
    predicted = np.where(np.arange(10) < right, labels, 1 - labels)
    return ClipPredictions(
        clips=np.arange(10).astype(str),
        signers=np.arange(10).astype(str),
        labels=labels,
        frames=np.ones(10, np.int64),
        raw_frames=np.ones(10, np.int64),
        probabilities=np.eye(2, dtype=np.float32)[predicted],
        signs=["a", "b"],
    )


def test_a_row_for_each_number_of_clips_holds_the_mean_of_its_seeds():
    results = {(None, 0): 10, (3, 0): 6, (3, 1): 8, (1, 0): 2, (1, 1): 4, (None, 1): 10}
    table = learning_curve({key: predictions(right) for key, right in results.items()})
    assert table["clips_per_sign"].tolist() == [1, 3, "all"]
    assert table["acc"].tolist() == pytest.approx([0.3, 0.7, 1.0])
    assert table["seeds"].tolist() == [2, 2, 2]
    assert (table["acc_low"] <= table["acc"]).all()
    assert (table["acc"] <= table["acc_high"]).all()
    [axes] = score_by_clips(table, "over signers").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "3", "all"]


def test_numbers_of_clips_and_seeds_are_swept_unless_they_are_given():
    assert with_clip_counts([]) == [
        "-m", "seed=range(0,2)", "training.clips_per_sign=1,3,5,10,null",
    ]  # fmt: skip
    given = ["training.clips_per_sign=1,2", "seed=3"]
    assert with_clip_counts(given) == ["-m", "training.clips_per_sign=1,2", "seed=range(3,4)"]
    with pytest.raises(SettingError, match="needs several numbers of clips"):
        with_clip_counts(["training.clips_per_sign=5"])


@pytest.mark.release
def test_a_learning_curve_is_trained_and_drawn(workplace, client, tmp_path):
    command = [*workplace, *TINY, "training.epochs=1", "tracking.experiment=curve", "seed=1"]
    command.append("tracking.run_name=few clips")
    counts = "training.clips_per_sign=1,null"
    done = gislr(*command, counts, module="learning_curve")
    assert done.returncode == 0, done.stderr
    [parent], children = sweep_runs(client, "curve")
    assert parent.info.run_name == "few clips"
    clips = {run.info.run_name: run.data.metrics["clips_trained_on"] for run in children}
    assert clips == {"1 clips, seed 1": 4, "all clips, seed 1": 24}
    root = artifacts(client, parent, tmp_path)
    table = pd.read_csv(root / "learning_curve.csv")
    assert table["clips_per_sign"].tolist() == ["1", "all"]
    assert (root / "learning_curve.png").is_file()
