"""Trials that are cross-validations, and sweeps that are judged on other signers."""

import csv
import math
import random
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from gislr.config.configuration import default_configuration
from gislr.config.trial_folds import TrialFolds, identity_values
from gislr.sweeping.nested_selection import agreement, training_overrides
from gislr.sweeping.sweep_tracker import SweepTracker
from gislr.tracking.training_record import IDENTITY
from gislr.utils.errors import SettingError
from tests.commands import TINY, artifacts, gislr, metric_values, start_gislr
from tests.conftest import separable_clips, write_folder

FOLDS = ["sweep.folds=2", "training.epochs=4", "tracking.experiment=folds"]


@pytest.fixture(scope="module")
def asl_signs(tmp_path_factory):
    """18 signers with 3 clips each."""
    clips = separable_clips(signers=18, signs=3, repeats=1)
    return write_folder(tmp_path_factory.mktemp("data"), clips)


def children(client, run):
    """Returns the runs below a run, oldest first."""
    query = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    return client.search_runs([run.info.experiment_id], query, order_by=["start_time ASC"])


def by_name(client, experiment):
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return {run.info.run_name: run for run in found}


def test_a_trial_has_a_training_for_each_fold_and_seed():
    configuration = default_configuration("sweep.folds=3", "sweep.seeds=2", "seed=5")
    trainings = TrialFolds.of(configuration).trainings()
    assert list(trainings) == [(0, 5), (1, 5), (2, 5), (0, 6), (1, 6), (2, 6)]
    last = trainings[2, 6]
    assert last.split == {
        "name": "group_kfold", "column": "signer", "folds": 3, "fold": 2, "seed": 42
    }  # fmt: skip
    assert (last.seed, last.sweep.folds) == (6, None)
    assert TrialFolds.of(default_configuration()) is None


def test_the_inner_folds_of_a_nested_split_are_trained_on():
    configuration = default_configuration("split=nested", "split.outer_fold=1", "split.folds=2")
    trainings = TrialFolds.of(configuration).trainings()
    assert [training.split.fold for training in trainings.values()] == [0, 1]
    assert {training.split.outer_fold for training in trainings.values()} == {1}


def test_folds_need_groups():
    with pytest.raises(SettingError, match=r"needs a split that groups clips.*got split=none"):
        TrialFolds.of(default_configuration("sweep.folds=3", "split=none"))


def test_seeds_need_folds():
    with pytest.raises(SettingError, match=r"sweep.seeds=2 needs sweep.folds, a number of folds"):
        TrialFolds.of(default_configuration("sweep.seeds=2"))


@pytest.mark.slow
def test_only_sweeps_have_such_trials(workplace):
    for module, more in (("cross_validate", "sweep.folds=2"), ("learning_curve", "split=nested")):
        done = gislr(*workplace, *TINY, more, module=module)
        assert done.returncode == 2
        assert done.stderr.startswith("error: Only trials of gislr sweep can be cross-validations")


def test_a_choice_that_is_judged_is_one_and_made_without_other_signers():
    tracker = SweepTracker()
    tracker.check(default_configuration("split=nested"))
    with pytest.raises(SettingError, match="judges one choice and needs one"):
        tracker.check(default_configuration("split=nested", "sweep.objective=[val_acc,parameters]"))
    with pytest.raises(SettingError, match="an earlier study may have asked them"):
        tracker.check(default_configuration("split=nested", "sweep.warm_start=earlier"))


def test_the_choices_of_outer_folds_are_counted():
    choices = pd.DataFrame(
        {
            "outer_fold": [0, 0, 1, 2],
            "units": [384, 384, 256, 384],
            "rate": [0.25, 0.25, 0.125, 0.5],
            "same": [0.5] * 4,
            "warmup": [math.nan, math.nan, math.nan, 3.0],
        }
    )
    assert agreement(choices, "units") == "384 (2 times), 256"
    assert agreement(choices, "rate") == "0.125 to 0.5"
    assert agreement(choices, "same") == "0.5 (3 times)"
    assert agreement(choices, "warmup") == "3.0"
    assert agreement(choices, "absent") == "none"


def test_a_trial_of_folds_is_never_taken_for_one_of_its_trainings():
    one = default_configuration("split=group_kfold")
    folds = default_configuration("split=group_kfold", "sweep.folds=5")
    more = default_configuration("split=group_kfold", "sweep.folds=5", "sweep.seeds=2")
    values = [identity_values(each) for each in (one, folds, more)]
    assert values[0] == one.values
    assert values[1]["split"]["fold"] == [0, 1, 2, 3, 4]
    assert values[1]["seed"] != values[2]["seed"]


def test_what_is_the_sweeps_own_is_not_trained_with():
    overrides = ["seed=1", "split=nested", "split.outer_folds=3", "sweep.folds=2", "model.units=8"]
    assert training_overrides(overrides) == ["seed=1", "model.units=8"]


@pytest.mark.slow
def test_a_trial_is_the_mean_of_its_folds_and_ends_when_it_is_worse(workplace, client, tmp_path):
    rates = "optimizer.learning_rate=1e-2,1e-9"
    shared = ["-m", *workplace, *TINY, *FOLDS]
    done = gislr(*shared, rates, "hydra.sweeper.pruner=median")
    assert done.returncode == 0, done.stderr
    runs = by_name(client, "folds")
    folds = children(client, runs["trial 0"])
    assert [run.info.run_name for run in folds] == ["fold 0, seed 42", "fold 1, seed 42"]
    values = [run.data.metrics["val_weighted_f1"] for run in folds]
    metrics = runs["trial 0"].data.metrics
    assert metrics["val_weighted_f1"] == pytest.approx(sum(values) / 2)
    assert metrics["cv_acc_low"] <= metrics["cv_acc"] <= metrics["cv_acc_high"]
    held_out = [set(run.data.tags["held_out"].split(", ")) for run in folds]
    assert [len(signers) for signers in held_out] == [9, 9]
    kept = artifacts(client, runs["trial 0"], tmp_path)
    assert (kept / "out_of_fold/seed_42.parquet").is_file()
    assert len(list(csv.DictReader((kept / "per_signer.csv").open()))) == 18

    pruned = runs["trial 1"]
    assert pruned.data.tags["trial.state"] == "pruned"
    reason = pruned.data.tags["gislr.reason"]
    assert reason.startswith("Pruned after fold 0: weighted_f1 is worse than in trial 0, by")
    assert reason.endswith(", on 9 signers.")

    # Another study of the same trial: its folds are trained already.
    again = gislr(*shared, "optimizer.learning_rate=1e-2", "seed=range(42,43)")
    assert again.returncode == 0, again.stderr
    assert f"trial 0  complete  {metrics['val_weighted_f1']:.6g}" in again.stdout
    experiment = client.get_experiment_by_name("folds").experiment_id
    assert len(client.search_runs([experiment], "attributes.run_name LIKE 'fold %'")) == 3


@pytest.mark.release
def test_a_fold_of_a_trial_is_the_training_that_a_person_would_run(workplace, client):
    where = [*workplace, *TINY, "training.epochs=4", "optimizer.learning_rate=1e-2"]
    fold = ["split=group_kfold", "split.folds=2", "split.fold=1", "tracking.experiment=alone"]
    swept = gislr("-m", *where, "seed=range(42,43)", FOLDS[0], "tracking.experiment=swept")
    assert swept.returncode == 0, swept.stderr
    assert gislr(*where, *fold).returncode == 0
    second = by_name(client, "swept")["fold 1, seed 42"]
    [alone] = by_name(client, "alone").values()
    for name in ("loss", "val_loss", "val_weighted_f1"):
        assert metric_values(client, second, name) == metric_values(client, alone, name)


@pytest.mark.release
def test_two_processes_judge_a_choice_together(workplace, client):
    """Each trial and each training of a choice runs once, and both come to the same result."""
    line = [
        *("-m", *workplace, *TINY, "training.epochs=1", "tracking.experiment=together"),
        *("split=nested", "split.outer_folds=2", "split.folds=2", "seed=range(0,2)"),
    ]
    processes = [start_gislr(*line) for _ in range(2)]
    outputs = [process.communicate(timeout=1800) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    experiment = client.get_experiment_by_name("together").experiment_id
    runs = client.search_runs([experiment])
    judged = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(judged) == 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    trainings = Counter(run.data.tags[IDENTITY] for run in runs if IDENTITY in run.data.tags)
    # A trial and its two folds, of two trials in three sweeps; a choice in each outer fold.
    assert sorted(trainings.values()) == [1] * (3 * 2 * 3 + 2)
    results = [re.search(r"weighted_f1 +(.*)", output)[1] for output, _ in outputs]
    assert results[0] == results[1]


@pytest.mark.release
def test_choosing_among_noise_is_not_rewarded(tmp_path):
    """Signs are drawn at random, so that nothing can be learned: a third are right by chance."""
    rng = random.Random(0)
    clips = [
        (signer, f"sign{rng.randrange(3)}", frames)
        for signer, _, frames in separable_clips(signers=18, signs=3, repeats=1)
    ]
    root = write_folder(tmp_path / "noise", clips)
    done = gislr(
        *("-m", "data=asl_signs", f"data.root={root}", *TINY, "training.epochs=1"),
        *("split=nested", "split.outer_folds=3", "split.folds=2", "sweep.objective=val_acc"),
        *(f"preparation.cache={tmp_path / 'cache'}", "seed=range(0,8)"),
        f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}",
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    [run] = client.search_runs(
        [client.get_experiment_by_name("gislr").experiment_id],
        "metrics.cv_acc > 0 and metrics.best_val_acc > 0",
    )
    metrics = run.data.metrics
    assert metrics["best_val_acc"] > 1 / 3 + 0.05, "the best of eight looks better than chance"
    assert metrics["cv_acc_low"] <= 1 / 3 <= metrics["cv_acc_high"]
    assert metrics["cv_acc"] < metrics["best_val_acc"]
    assert "these signers chose nothing; the best trial's own val_acc is" in done.stdout
    file = client.download_artifacts(run.info.run_id, "choices.csv", str(tmp_path))
    table = Path(file).read_text()
    assert [row["outer_fold"] for row in csv.DictReader(table.splitlines())] == ["0", "1", "2"]
