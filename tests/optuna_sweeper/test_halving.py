"""Successive halving in a real sqlite study: who goes on, and from where."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hydra_plugins.optuna_sweeper import SweepError, earlier_attempt
from hydra_plugins.optuna_sweeper._algorithms import make_pruner
from hydra_plugins.optuna_sweeper._halving import RUNG
from hydra_plugins.optuna_sweeper._process import COMPLETE, KILLED, PRUNED, Outcome
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from tests.optuna_sweeper.test_queue import make_sweep

STEPS = 27
SPACE = ["x=interval(0,1)"]


class Training:
    """Reports a value of each configuration at every step, and stops where the pruner says so."""

    def __init__(self, values, steps=STEPS):
        self.values, self.steps = values, steps
        self.pruner = make_pruner("successive_halving", {})
        self.trained = []  # of each configuration, the steps that were trained
        self.numbers = {}  # the configuration of each trial

    def __call__(self, trial):
        earlier = earlier_attempt(trial)
        if earlier is None:
            self.trained.append([])
        number = len(self.trained) - 1 if earlier is None else self.numbers[earlier.number]
        self.numbers[trial.number] = number
        done = self.trained[number]
        for step in range(len(done), self.steps):
            trial.report(self.values[number], step)
            done.append(step)
            frozen = trial.study._storage.get_trial(trial._trial_id)
            if step < self.steps - 1 and self.pruner.prune(trial.study, frozen):
                return Outcome(PRUNED, 0.1, reason="Pruned.")
        return Outcome(COMPLETE, 0.1, (self.values[number],))


def run(sweep, training):
    queue = TrialQueue(sweep)
    while asked := queue.ask():
        queue.tell(asked[0], training(asked[0]))


def halving(folder, n_trials, directions=("minimize",)):
    return make_sweep(
        folder, n_trials, pruner="successive_halving", space=SPACE, directions=directions
    )


@pytest.mark.parametrize(
    ("direction", "sign"),
    [("minimize", 1), pytest.param("maximize", -1, marks=pytest.mark.slow)],
)
def test_one_of_three_goes_on_from_where_it_stopped(tmp_path, direction, sign):
    sweep = halving(tmp_path, 9, [direction])
    training = Training([sign * number for number in range(9)])
    run(sweep, training)
    # By hand: all 9 train 3 steps, the best 3 go on to 9, the best one to the end.
    assert [len(done) for done in training.trained] == [27, 9, 9, 3, 3, 3, 3, 3, 3]
    assert all(done == list(range(len(done))) for done in training.trained)
    assert [trial.values for trial in sweep.ranked()] == [[0.0]]
    assert sweep.counts() == {"complete": 1, "pruned": 8}
    assert [t.user_attrs.get(RUNG, 0) for t in sweep.trials()].count(2) == 1


@pytest.mark.slow
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=12), steps=st.integers(1, 30))
def test_some_trial_always_ends_and_none_is_trained_twice(tmp_path_factory, values, steps):
    sweep = halving(tmp_path_factory.mktemp("study"), len(values))
    training = Training(values, steps)
    run(sweep, training)
    assert len(sweep.trials()) == len(training.trained) == len(values)
    assert all(done == list(range(len(done))) for done in training.trained)
    assert sum(len(done) == steps for done in training.trained) == len(sweep.ranked()) >= 1
    run(sweep, training)  # the same command does nothing
    assert len(sweep.trials()) == len(values)


def test_a_killed_trial_is_retried_in_its_rung(tmp_path):
    sweep = halving(tmp_path, 3)
    training, rungs = Training([0, 1, 2]), []

    def killed_once(trial):
        outcome, rung = training(trial), trial.user_attrs.get(RUNG, 0)
        rungs.append(rung)
        is_first = rungs.count(1) == 1 and rung == 1
        return Outcome(KILLED, 0.1, reason="killed by SIGKILL") if is_first else outcome

    run(sweep, killed_once)
    assert rungs == [0, 0, 0, 1, 1, 2]
    assert [len(done) for done in training.trained] == [27, 3, 3]
    assert sweep.counts() == {"complete": 1, "pruned": 2}


def test_options_are_checked():
    assert make_pruner("successive_halving", {"min_resource": 2}).steps(1) == 6
    with pytest.raises(SweepError, match="pruner_options"):
        make_pruner("successive_halving", {"reduction_factor": 1})
    with pytest.raises(SweepError, match="min_resource, reduction_factor"):
        make_pruner("successive_halving", {"least": 1})
