"""Hydra's sweep syntax as Optuna's distributions."""

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hydra_plugins.optuna_sweeper import SweepError
from hydra_plugins.optuna_sweeper._search_space import read_search_space

SPACES = {
    "x=choice(256,384,512)": CategoricalDistribution((256, 384, 512)),
    "x=3,2.5,null,true,word": CategoricalDistribution((3, 2.5, None, True, "word")),
    "x='a b','c,d'": CategoricalDistribution(("a b", "c,d")),
    "x=[1,2],[3]": CategoricalDistribution(("[1,2]", "[3]")),
    "x=range(1,4)": IntDistribution(1, 3),
    "x=range(0,10,4)": IntDistribution(0, 8, step=4),
    "x=range(0.0,0.5,0.1)": FloatDistribution(0.0, 0.4, step=0.1),
    "x=interval(0,0.5)": FloatDistribution(0.0, 0.5),
    "x=interval(1,5)": FloatDistribution(1.0, 5.0),
    "x=int(interval(1,5))": IntDistribution(1, 5),
    "x=tag(log,interval(1e-4,1e-1))": FloatDistribution(1e-4, 1e-1, log=True),
    "x=tag(log,int(interval(1,64)))": IntDistribution(1, 64, log=True),
}


@pytest.mark.parametrize("sweep", SPACES)
def test_a_sweep_is_a_distribution(sweep):
    space = read_search_space([sweep], {}, {})
    assert [dimension.distribution for dimension in space.dimensions] == [SPACES[sweep]]


@pytest.mark.parametrize("sweep", SPACES)
def test_yaml_and_the_command_line_give_the_same_space(sweep):
    key, _, value = sweep.partition("=")
    typed = read_search_space([sweep], {}, {})
    written = read_search_space([], {key: value}, {})
    assert written.dimensions == typed.dimensions


def test_the_command_line_comes_before_yaml():
    params = {"x": "choice(1,2)", "y": "range(0,3)", "z": 5}
    space = read_search_space(["x=7", "y=choice(8,9)"], params, {})
    assert [d.key for d in space.dimensions] == ["y"]
    assert space.combinations()[0] == {"y": 8}
    assert space.fixed == ("x=7", "z=5")


def test_values_come_back_as_hydra_writes_them():
    space = read_search_space(["a=[1,2],[3]", "b='c d',e", "+f=null,1", "g=fixed"], {}, {})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    seen = {tuple(space.suggest(study.ask())) for _ in range(60)}
    assert {overrides[0] for overrides in seen} == {"g=fixed"}
    assert {overrides[1] for overrides in seen} == {"a=[1,2]", "a=[3]"}
    assert {overrides[2] for overrides in seen} == {"b='c d'", "b=e"}
    assert {overrides[3] for overrides in seen} == {"+f=null", "+f=1"}


WHEN = {
    "schedule=warmup": {"schedule.warmup_epochs": "range(1,4)"},
    "schedule=warmup,schedule.warmup_epochs=2": {"seed": "choice(1,2)"},
    "deep=true": {"depth": "choice(5,6)"},
}


def test_a_condition_opens_a_branch():
    space = read_search_space(["schedule=choice(cosine,warmup)"], {}, WHEN)
    found = [list(combination.items()) for combination in space.combinations()]
    assert found == [
        [("schedule", "cosine")],
        [("schedule", "warmup"), ("schedule.warmup_epochs", 1)],
        [("schedule", "warmup"), ("schedule.warmup_epochs", 2), ("seed", 1)],
        [("schedule", "warmup"), ("schedule.warmup_epochs", 2), ("seed", 2)],
        [("schedule", "warmup"), ("schedule.warmup_epochs", 3)],
    ]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    drawn = {tuple(space.suggest(study.ask())) for _ in range(200)}
    assert drawn == {tuple(f"{key}={value}" for key, value in entry) for entry in found}


def test_a_condition_looks_at_fixed_overrides_and_defaults():
    space = read_search_space(["schedule=warmup", "x=1,2"], {}, WHEN)
    assert len(space.combinations()) == 2 * 4
    space = read_search_space(["x=1,2"], {}, WHEN, default={"deep": True}.get)
    assert len(space.combinations()) == 2 * 2


@given(
    low=st.floats(-100, 100),
    step=st.sampled_from([0.01, 0.1, 0.25, 1.0, 3.0]),
    count=st.integers(1, 40),
)
@settings(max_examples=60, deadline=None)
def test_every_value_of_a_range_of_floats_is_allowed(low, step, count):
    space = read_search_space([f"x=range({low},{low + (count - 0.5) * step},{step})"], {}, {})
    [dimension] = space.dimensions
    assert len(dimension.values) == count
    assert all(dimension.distribution._contains(value) for value in dimension.values)


WRONG = {
    "x=range(3,1)": "x must have a value to try; x=range(3,1) has none.",
    "x=tag(log,interval(0,1))": "x: `low > 0` must hold for `log=True`",
    "x=5": "A sweep needs a key to sweep",
}


@pytest.mark.parametrize("sweep", WRONG)
def test_errors_are_one_sentence(sweep):
    with pytest.raises(SweepError) as error:
        read_search_space([sweep], {}, {})
    assert str(error.value).startswith(WRONG[sweep])


def test_an_interval_has_no_grid():
    space = read_search_space(["x=1,2", "y=interval(0,1)"], {}, {})
    with pytest.raises(SweepError, match=r"y is an interval; set hydra.sweeper.n_trials"):
        space.combinations()
