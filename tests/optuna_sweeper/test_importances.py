"""Which keys matter is said with its uncertainty."""

import numpy as np
import optuna
import pytest

from hydra_plugins.optuna_sweeper._importances import importances


def study_of(trials, seed=0):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    study.optimize(
        lambda trial: trial.suggest_float("matters", 0, 1) + 0 * trial.suggest_float("not", 0, 1),
        trials,
    )
    return study


def test_the_intervals_tell_what_matters_from_what_does_not():
    found = importances(study_of(60))
    assert list(found) == ["matters", "not"]
    assert np.quantile(found["matters"], 0.05) > np.quantile(found["not"], 0.95)
    np.testing.assert_allclose(found["matters"] + found["not"], 1)


def test_more_trials_make_it_surer():
    widths = [np.ptp(importances(study_of(trials))["matters"]) for trials in (12, 150)]
    assert widths[1] < widths[0]


def test_few_trials_say_nothing():
    with pytest.raises(ValueError, match="need 8 complete trials; got 7"):
        importances(study_of(7))
