"""The queue of trials in a real sqlite study, without their processes."""

import dataclasses
import itertools
import math
import os
from functools import partial

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState

from hydra_plugins.optuna_sweeper import SweepError, _queue
from hydra_plugins.optuna_sweeper._algorithms import PRUNERS, SAMPLERS, make_pruner, make_sampler
from hydra_plugins.optuna_sweeper._process import COMPLETE, FAILED, KILLED, PRUNED, Outcome
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._search_space import read_search_space
from hydra_plugins.optuna_sweeper._settings import SweeperSettings
from hydra_plugins.optuna_sweeper._storage import copy_study, load_study, open_study
from hydra_plugins.optuna_sweeper._sweep import OWNER, Sweep, counted_trials

SPACE = ["x=interval(0,1)", "y=range(0,3)", "z=choice(a,b)"]


def open_sweep(
    url,
    n_trials=10,
    sampler="random",
    directions=("minimize",),
    space=SPACE,
    name="study",
    config=None,
    **more,
):
    return Sweep(
        study=open_study(url, name, list(directions)),
        settings=SweeperSettings(
            n_trials=n_trials, sampler=sampler, direction=list(directions), **more
        ),
        space=read_search_space(space, {}, {}),
        storage=url,
        n_trials=n_trials,
        config=config,
        compose=lambda overrides: None,
    )


def make_sweep(folder, *arguments, **more):
    return open_sweep(f"sqlite:///{folder / 'studies.db'}", *arguments, **more)


def complete(*values):
    return Outcome(COMPLETE, 0.1, values)


def run(sweep, outcome=None):
    queue = TrialQueue(sweep)
    queue.recover()
    if sweep.settings.sampler == "grid":
        queue.enqueue_grid()
    drawn = []
    while asked := queue.ask():
        trial, overrides = asked
        drawn.append(overrides)
        queue.tell(trial, outcome(trial) if outcome else complete(1.0))
    return drawn


def here(name):
    return name != "gp" or pytest.importorskip("torch", reason="gp needs the extra gislr[gp]")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("tpe", "random", "grid") else pytest.mark.slow)
        for name in SAMPLERS
    ],
)
def test_every_sampler_samples(name, tmp_path):
    here(name)
    space = ["x=range(0,3)", "y=range(0,4)"] if name == "grid" else SPACE
    sweep = make_sweep(tmp_path, 12, name, space=space)
    drawn = run(sweep, lambda trial: complete(float(trial.params["y"])))
    assert len(drawn) == 12
    if name == "grid":
        assert len(set(map(tuple, drawn))) == 12
    assert [trial.state for trial in sweep.study.trials] == [TrialState.COMPLETE] * 12
    assert sweep.ranked()[0].values == [0.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tpe", "random", "cmaes", "nsgaii"])
def test_a_resumed_sweep_samples_what_it_would_have_sampled(name, tmp_path):
    outcomes = lambda trial: complete((trial.params["x"] - 0.4) ** 2)  # noqa: E731
    whole = run(make_sweep(tmp_path / "a", 16, name), outcomes)
    parts = [
        *run(make_sweep(tmp_path / "b", 5, name), outcomes),
        *run(make_sweep(tmp_path / "b", 11, name), outcomes),
        *run(make_sweep(tmp_path / "b", 16, name), outcomes),
    ]
    assert parts == whole
    assert len(set(map(tuple, whole))) == 16
    other = run(make_sweep(tmp_path / "c", 16, name, seed=7), outcomes)
    assert other != whole


def test_the_best_trials_of_another_study_are_tried_first(tmp_path):
    earlier = make_sweep(tmp_path, 8, space=["x=interval(0,1)", "y=range(0,9)"], name="earlier")
    run(earlier, lambda trial: complete(trial.params["x"]))
    best = [trial.params for trial in earlier.ranked()[:5]]
    sweep = make_sweep(tmp_path, 7, warm_start="earlier")
    queue = TrialQueue(sweep)
    queue.enqueue_best("earlier")
    queue.enqueue_best("earlier")
    run(sweep)
    tried = [trial.params for trial in sweep.study.trials]
    assert len(tried) == 7
    assert [each["x"] for each in tried[:5]] == [each["x"] for each in best]
    # Here y is 0 to 2, so other values are sampled.
    pairs = zip(tried[:5], best, strict=True)
    assert all(new["y"] == old["y"] for new, old in pairs if old["y"] < 3)
    assert all(each["y"] < 3 for each in tried)


def test_a_warm_start_needs_a_study_that_fits(tmp_path):
    make_sweep(tmp_path, name="upwards", directions=("maximize",))
    queue = TrialQueue(make_sweep(tmp_path))
    with pytest.raises(SweepError, match=r"must have the study 'gone'; it does not"):
        queue.enqueue_best("gone")
    with pytest.raises(SweepError, match=r"the same directions as this one; it has maximize"):
        queue.enqueue_best("upwards")
    with pytest.raises(SweepError, match=r"warm_start needs hydra.sweeper.n_trials"):
        SweeperSettings(warm_start="earlier")


@pytest.mark.release
def test_tpe_learns(tmp_path):
    def later(name):
        sweep = make_sweep(tmp_path / name, 30, name)
        run(sweep, lambda t: complete((t.params["x"] - 0.37) ** 2 + t.params["y"]))
        return sum(trial.value for trial in sweep.study.trials[15:])

    assert later("tpe") < 0.5 * later("random")


def test_every_outcome_is_recorded(tmp_path):
    outcomes = [
        complete(1.0),
        Outcome(PRUNED, 0.1, reason="Pruned after step 3."),
        Outcome(FAILED, 0.1, reason="RuntimeError: broken", log=("one", "two")),
        complete(math.nan),
        complete(math.inf),
        complete(1.0, 2.0),
    ]
    sweep = make_sweep(tmp_path, len(outcomes))
    run(sweep, lambda trial: outcomes[trial.number])
    trials = sweep.study.trials
    names = [trial.state.name for trial in trials]
    assert names == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "FAIL", "FAIL"]
    assert [trial.user_attrs.get("reason") for trial in trials] == [
        None,
        "Pruned after step 3.",
        "RuntimeError: broken",
        "returned nan",
        "returned inf",
        "returned 2 values for 1 directions",
    ]
    assert trials[2].user_attrs["log"] == "one\ntwo"
    assert sweep.counts() == {"complete": 1, "pruned": 1, "fail": 4}


def test_a_killed_trial_is_retried_a_few_times(tmp_path):
    sweep = make_sweep(tmp_path, 3, retries=2)
    drawn = run(sweep, lambda trial: Outcome(KILLED, 0.1, reason="killed by SIGKILL"))
    assert len(drawn) == 9
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3]
    assert sweep.counts() == {"fail": 3}


@pytest.fixture
def gone(monkeypatch):
    """A function after which the owner of trials so far is gone, and this process is another."""
    tags = [_queue.owner_tag()]
    monkeypatch.setattr(_queue, "owner_tag", lambda: tags[-1])
    monkeypatch.setattr(_queue, "is_gone", lambda tag: tag in tags[:-1])
    return lambda: tags.append(f"here {len(tags)} 0")


def test_what_a_killed_sweep_left_running_is_retried(tmp_path, gone):
    sweep = make_sweep(tmp_path, 4)
    queue = TrialQueue(sweep)
    first, overrides = queue.ask()
    queue.tell(first, complete(5.0))
    left = [queue.ask() for _ in range(2)]
    gone()
    again = make_sweep(tmp_path, 4)
    drawn = run(again)
    assert [entry[1] for entry in left] == drawn[:2]
    assert overrides not in drawn
    assert [t.state.name for t in again.study.trials] == [
        "COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE",
    ]  # fmt: skip
    assert len(again.trials()) == 4
    assert not any("reason" in t.user_attrs for t in again.trials())


def test_trials_of_a_sweep_that_lives_are_left_alone(tmp_path):
    sweep = make_sweep(tmp_path, 2)
    TrialQueue(sweep).ask()
    assert TrialQueue(sweep).recover() == 0
    assert len(run(make_sweep(tmp_path, 2))) == 1


class KilledError(Exception):
    pass


def ask_and_be_killed(sweep, monkeypatch):
    """Asks, and ends at the first moment in which the trial is running."""
    study = sweep.study
    ask = study.ask

    def killed():
        ask()
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(study, "ask", killed)
        with pytest.raises(KilledError):
            TrialQueue(sweep).ask()
    assert TrialState.RUNNING in [trial.state for trial in study.trials]


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_a_running_trial_always_has_an_owner(tmp_path, monkeypatch, gone, sampler):
    make = partial(make_sweep, tmp_path, 3, sampler, space=["y=range(0,3)"])
    sweep = make()
    if sampler == "grid":
        TrialQueue(sweep).enqueue_grid()
    ask_and_be_killed(sweep, monkeypatch)
    gone()
    assert TrialQueue(sweep).recover() == 1
    ask_and_be_killed(sweep, monkeypatch)  # now of a retry
    gone()
    assert len(run(make())) == 3
    assert len(counted_trials(sweep.study.trials)) == 3
    assert TrialState.RUNNING not in [trial.state for trial in sweep.study.trials]


def killed_at_commit(number, make, outcome):
    """Runs a sweep in a process that ends at a commit; tells whether it was killed there."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) in (0, 9)
        return status != 0
    try:
        sweep, commits = make(), itertools.count()
        engine = sweep.study._storage._backend.engine
        sqlalchemy.event.listen(engine, "commit", lambda _: next(commits) == number and os._exit(9))
        run(sweep, outcome)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.release
@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_a_kill_between_any_two_writes_loses_nothing(tmp_path, sampler):
    def outcome(trial):
        if trial.number == 0:
            return Outcome(KILLED, 0.1, reason="killed by SIGKILL")
        return complete(float(trial.params["y"]))

    for number in itertools.count():
        make = partial(make_sweep, tmp_path / str(number), 3, sampler, space=["y=range(0,3)"])
        killed = killed_at_commit(number, make, outcome)
        run(make(), outcome)
        found = make().study.trials
        assert {trial.state.name for trial in found} <= {"COMPLETE", "FAIL"}, number
        results = [trial.params["y"] for trial in found if trial.state == TrialState.COMPLETE]
        assert len(results) == len(counted_trials(found)) == 3, number
        assert sampler != "grid" or sorted(results) == [0, 1, 2], number
        if not killed:
            break
    assert number > 20


def test_a_kill_while_a_retry_is_enqueued_neither_loses_nor_doubles_the_trial(
    tmp_path, monkeypatch, gone
):
    sweep = make_sweep(tmp_path, 2)
    _, overrides = TrialQueue(sweep).ask()
    gone()
    queue = TrialQueue(make_sweep(tmp_path, 2))
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", lambda *arguments, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            queue.recover()
    drawn = run(make_sweep(tmp_path, 2))
    assert drawn[0] == overrides
    assert len(drawn) == 2


def test_a_stale_trial_of_another_machine_is_retried(tmp_path):
    sweep = make_sweep(tmp_path, 1)
    trial, overrides = TrialQueue(sweep).ask()
    trial.set_user_attr(OWNER, "elsewhere 1 2")
    assert TrialQueue(sweep).recover() == 0
    sweep.study.tell(trial, state=TrialState.FAIL)  # as Optuna does when its heartbeat is old
    assert run(make_sweep(tmp_path, 1)) == [overrides]


@pytest.mark.slow
def test_sweeps_side_by_side_do_not_run_too_many(tmp_path):
    sweeps = [make_sweep(tmp_path, 5) for _ in range(3)]
    queues = [TrialQueue(sweep) for sweep in sweeps]
    asked = [queue.ask() for _ in range(4) for queue in queues]
    assert sum(entry is not None for entry in asked) == 5
    drawn = [tuple(entry[1]) for entry in asked if entry]
    assert len(set(drawn)) == 5


def test_surplus_trials_are_given_back(tmp_path, monkeypatch):
    sweep = make_sweep(tmp_path, 2)
    queue = TrialQueue(sweep)
    asked = [queue.ask(), queue.ask()]
    late = dataclasses.replace(sweep, n_trials=3)
    trial, _ = TrialQueue(late).ask()
    assert trial.number == 2
    assert queue._is_surplus(trial)
    assert not queue._is_surplus(asked[1][0])


def test_the_last_combination_of_a_grid_may_be_gone(tmp_path, monkeypatch):
    sweep = make_sweep(tmp_path, 2, "grid", space=["y=range(0,2)"])
    queue = TrialQueue(sweep)
    queue.enqueue_grid()
    ask = sweep.study.ask

    def taken_meanwhile():
        monkeypatch.undo()
        for value in (0.0, 1.0):
            sweep.study.tell(ask(), value)
        return ask()

    monkeypatch.setattr(sweep.study, "ask", taken_meanwhile)
    assert queue.ask() is None
    assert [t.state.name for t in sweep.study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert len(sweep.trials()) == 2


def test_a_grid_resumes(tmp_path):
    space = ["y=range(0,3)", "z=choice(a,b)"]
    first = run(make_sweep(tmp_path, 4, "grid", space=space))
    rest = run(make_sweep(tmp_path, 6, "grid", space=space))
    assert [*first, *rest] == [[f"y={y}", f"z={z}"] for y in range(3) for z in "ab"]


def test_several_directions_give_a_pareto_front(tmp_path):
    sweep = make_sweep(tmp_path, 12, "nsgaii", directions=("minimize", "maximize"))
    run(sweep, lambda t: complete(t.params["x"], float(t.params["y"])))
    front = sweep.ranked()
    assert front
    for trial in front:
        better = [t for t in sweep.trials() if t.values[0] < trial.values[0]]
        assert all(t.values[1] < trial.values[1] for t in better)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_is_asked(name, tmp_path):
    """Bad trials are pruned sooner or later, but by `none` never."""
    sweep = make_sweep(tmp_path, 12)
    queue = TrialQueue(sweep)
    pruned = 0
    for number in range(12):
        trial, _ = queue.ask()
        study = load_study(sweep.storage, "study", make_pruner(name, {}))
        reporting = optuna.Trial(study, trial._trial_id)
        outcome = complete(float(number))
        for step in range(9):
            reporting.report(number + 1 / (step + 1), step)
            if reporting.should_prune():
                outcome = Outcome(PRUNED, 0.1, reason=f"Pruned after step {step}.")
                pruned += 1
                break
        queue.tell(trial, outcome)
    assert (pruned > 0) == (name != "none")


def test_names_and_options_are_checked():
    with pytest.raises(SweepError, match=r"must be one of tpe, .* got 'tpee'. Did you mean 'tpe'"):
        make_sampler("tpee", {}, 0)
    with pytest.raises(SweepError, match=r"must be one of median, .* got 'medium'"):
        make_pruner("medium", {})
    with pytest.raises(
        SweepError, match=r"options must be one of .*'n_startup'. Did you mean 'n_startup_trials"
    ):
        make_sampler("tpe", {"n_startup": 3}, 0)
    with pytest.raises(SweepError, match=r"hydra.sweeper.pruner_options"):
        make_pruner("median", {"n_startup_trials": -1})


def test_a_study_keeps_its_directions(tmp_path):
    url = f"sqlite:///{tmp_path / 'a folder' / 'studies.db'}"
    open_study(url, "study", ["minimize"])
    with pytest.raises(SweepError, match=r"has the directions minimize, not maximize"):
        open_study(url, "study", ["maximize"])


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/none/studies.db", "oracel://x/y"])
def test_a_storage_that_cannot_be_used_is_one_sentence(url):
    with pytest.raises(SweepError, match=r"hydra.sweeper.storage must be a database"):
        open_study(url, "study", ["minimize"])


def test_a_dry_run_knows_the_trials_of_a_database_whose_url_has_options(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}?timeout=5"
    open_study(url, "study", ["minimize"]).ask()
    assert len(copy_study(url, "study", ["minimize"]).trials) == 1
