"""What a judgment of a choice runs, and what it leaves to others."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from gislr.config.configuration import default_configuration
from gislr.sweeping import nested_selection
from gislr.sweeping.nested_selection import NestedSelection
from gislr.utils.errors import GislrError
from hydra_plugins.optuna_sweeper import SweeperSettings
from hydra_plugins.optuna_sweeper._search_space import read_search_space

CHOSEN = SimpleNamespace(number=4, params={"optimizer.learning_rate": 0.01}, values=[0.5])
GIVEN = ["split=nested", "split.outer_folds=2", "model.units=8", "seed=7"]


@pytest.fixture
def commands(monkeypatch):
    """The commands that a selection runs."""
    found = []
    monkeypatch.setattr(
        nested_selection, "run_tracked", lambda command, **_: found.append(command) or "run"
    )
    return found


def selection(trials=(), finished=(), is_over=False, **sweeper):
    tags = {"outer_fold_1": "inner", "sweep": "study"}
    of_run = {"run_id": "inner", "run_name": "", "experiment_id": "0", "status": "FINISHED"}
    logged = SimpleNamespace(
        info=SimpleNamespace(**of_run), data=SimpleNamespace(tags=tags, params={}, metrics={})
    )
    client = SimpleNamespace(set_tag=lambda *_: None, get_run=lambda run_id: logged)
    other = SimpleNamespace(trials=lambda: list(trials), is_over=lambda: is_over)
    given = ["hydra/launcher=joblib", "hydra.sweeper.n_trials=9"]
    sweep = SimpleNamespace(
        space=read_search_space([*GIVEN, "optimizer.learning_rate=interval(0,1)"], {}, {}),
        settings=SweeperSettings(n_trials=9, **sweeper),
        config=OmegaConf.create({"hydra": {"overrides": {"hydra": given}}}),
        other=lambda name: other,
    )
    run = SimpleNamespace(client=client, run_id="judged", tags=lambda values: None)
    configuration = default_configuration(*GIVEN, "sweep.seeds=2")

    def find(overrides):
        seed = next(o for o in reversed(overrides) if o.startswith("seed="))
        return "found" if seed in finished else None

    return NestedSelection(sweep, configuration, run, find)


def test_a_choice_is_trained_where_its_sweep_runs(commands):
    selection(finished=["seed=7"])._train(1, CHOSEN, wait=True)
    [command] = commands
    expected = {
        *("model.units=8", "optimizer.learning_rate=0.01", "-m"),
        *("split=group_kfold", "split.folds=2", "split.fold=1", "seed=range(7,9)"),
        *("hydra/launcher=joblib", "hydra.sweeper.wait=true", "hydra.sweeper.skip_finished=true"),
    }
    assert expected <= set(command)
    assert not {*GIVEN[:2], "seed=7", "hydra.sweeper.n_trials=9"} & set(command)


def test_a_choice_that_is_trained_is_not_trained_again(commands):
    selection(finished=["seed=7", "seed=8"])._train(1, CHOSEN, wait=False)
    assert commands == []


def test_the_study_of_a_choice_is_no_other_choices(commands):
    selection(study_name="mine")._train(1, CHOSEN, wait=False)
    assert 'hydra.sweeper.study_name="mine-outer-1-trial-4"' in commands[0]


def test_a_choice_that_cannot_be_trained_is_reported_with_its_command(commands):
    state = SimpleNamespace(name="FAIL")
    attributes = {"reason": "OSError: no space left."}
    failed = SimpleNamespace(state=state, params={"seed": 8}, user_attrs=attributes)
    expected = (
        r"outer fold 1 cannot be trained: OSError.* gislr train .*split.fold=1 .*seed=8, then"
    )
    with pytest.raises(GislrError, match=expected):
        selection([failed])._train(1, CHOSEN, wait=True)


@pytest.mark.parametrize("is_over", [True, False])
def test_a_sweep_without_an_outer_fold_is_run_until_it_is_over(commands, is_over):
    assert selection(is_over=is_over)._search(1, wait=True) == ("inner" if is_over else "run")
    assert len(commands) == (not is_over)
    if commands:
        assert commands[0][-2:] == ["split.outer_fold=1", "hydra.sweeper.wait=true"]
