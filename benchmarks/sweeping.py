"""What the sweeper itself costs a trial, without the trial's process.

    python -m benchmarks.sweeping [--trials 500]

Trials are asked for, composed into overrides, recorded as complete and ranked, as in
a sweep, in an sqlite study that grows to the given size.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from hydra_plugins.optuna_sweeper import SweeperSettings, owner_tag, report_or_prune
from hydra_plugins.optuna_sweeper._algorithms import make_pruner
from hydra_plugins.optuna_sweeper._process import COMPLETE, Outcome
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._search_space import read_search_space
from hydra_plugins.optuna_sweeper._storage import load_study, open_study
from hydra_plugins.optuna_sweeper._sweep import OWNER, SECONDS, Sweep
from hydra_plugins.optuna_sweeper._terminal import trial_line

SPACE = [
    "model.units=choice(256,384,512)",
    "model.num_blocks=range(1,4)",
    "model.mlp_dropout=interval(0,0.5)",
    "loss.label_smoothing=interval(0,0.5)",
    "model.frame_masking=interval(0,0.5)",
]

EPOCHS = 5
"""After which a made-up training has reported a value."""


def filled_study(file: Path, trials: int) -> Path:
    """Writes a study of some random trials, as finished sweeps leave them, and returns its file."""
    import optuna

    space = read_search_space(SPACE, {}, {})
    made = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    tags = {OWNER: owner_tag(), SECONDS: 1.0}
    for _ in range(trials):
        trial = made.ask()
        space.suggest(trial)
        made.tell(trial, worth(trial))
    found = made.get_trials(deepcopy=False)
    for frozen in found:
        frozen.user_attrs = tags
        frozen.intermediate_values = dict.fromkeys(range(EPOCHS), frozen.value)
    open_study(f"sqlite:///{file}", "study", ["maximize"]).add_trials(found)
    return file


def worth(trial: Any) -> float:
    """Returns what a made-up training is worth."""
    return -abs(trial.params["model.mlp_dropout"] - 0.2)


def first_report(database: Path) -> float:
    """Returns the milliseconds in which a trial's own process reports a value that may prune it."""
    import optuna

    def opened() -> optuna.Study:
        return load_study(f"sqlite:///{database}", "study", make_pruner("median", None))

    trial = optuna.Trial(opened(), opened().ask()._trial_id)
    began = time.perf_counter()
    report_or_prune(trial, 0.0, step=EPOCHS - 1)
    return 1000 * (time.perf_counter() - began)


def milliseconds(sampler: str, trials: int, database: Path) -> tuple[float, list[float]]:
    """Returns what it costs to open a study, and then each of some more trials."""
    began = time.perf_counter()
    url = f"sqlite:///{database}"
    study = open_study(url, "study", ["maximize"])
    most = len(study.get_trials(deepcopy=False)) + trials
    sweep = Sweep(
        study=study,
        settings=SweeperSettings(n_trials=most, sampler=sampler, direction="maximize"),
        space=read_search_space(SPACE, {}, {}),
        storage=url,
        n_trials=most,
        config=None,
        compose=lambda overrides: None,
    )
    queue = TrialQueue(sweep)
    queue.recover()
    opened = 1000 * (time.perf_counter() - began)
    costs = []
    while True:
        began = time.perf_counter()
        if (asked := queue.ask()) is None:
            return opened, costs
        trial, _ = asked
        trial_line(sweep, queue.tell(trial, Outcome(COMPLETE, 1.0, (worth(trial),))))
        costs.append(1000 * (time.perf_counter() - began))


def main() -> None:
    """Prints a line a sampler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        for sampler in ("tpe", "random", "cmaes", "nsgaii"):
            _, costs = milliseconds(sampler, trials, Path(folder) / f"{sampler}.db")
            tenth = max(1, trials // 10)
            print(
                f"{sampler:8} {statistics.median(costs):6.1f} ms a trial over {trials}, "
                f"first tenth {statistics.median(costs[:tenth]):.1f}, "
                f"last tenth {statistics.median(costs[-tenth:]):.1f}, largest {max(costs):.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
