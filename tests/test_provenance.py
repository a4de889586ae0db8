"""What a run records of its origin."""

import sys

import pytest

from gislr.tracking import provenance

CHILD = ["-m", "hydra_plugins.optuna_sweeper._process", "7"]
ADDED = ["hydra.run.dir='x'", "+hydra.callbacks.optuna_sweeper._target_=x"]


@pytest.mark.parametrize(
    "typed",
    [
        ["-m", "gislr.train", "seed=1", "data.root=a b"],
        ["-m", "gislr", "train", "seed=1", "data.root=a b"],
        ["/bin/gislr", "train", "seed=1", "data.root=a b"],
        [*CHILD, "-m", "gislr.train", "seed=1", "data.root=a b", *ADDED],
    ],
)
def test_a_command_is_recorded_as_a_person_types_it(typed, monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", *typed])
    assert provenance.command() == "gislr train seed=1 'data.root=a b'"


def test_runs_are_identical_unless_settings_or_data_differ():
    values = {"model": {"units": 1}, "tracking": {"uri": None}, "seed": 1}
    same = values | {"tracking": {"uri": "elsewhere"}}
    data = {"data.fingerprint": "data"}
    assert provenance.identity(values, data) == provenance.identity(same, data)
    others = [
        provenance.identity(values, {"data.fingerprint": "other"}),
        provenance.identity(values, data | {"data.also.fingerprint": "more"}),
        provenance.identity(values | {"seed": 2}, data),
    ]
    assert provenance.identity(values, data) not in others
