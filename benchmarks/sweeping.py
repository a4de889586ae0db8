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

from hydra_plugins.optuna_sweeper import SweeperSettings
from hydra_plugins.optuna_sweeper._process import COMPLETE, Outcome
from hydra_plugins.optuna_sweeper._queue import TrialQueue
from hydra_plugins.optuna_sweeper._search_space import read_search_space
from hydra_plugins.optuna_sweeper._storage import open_study
from hydra_plugins.optuna_sweeper._sweep import Sweep
from hydra_plugins.optuna_sweeper._terminal import trial_line

SPACE = [
    "model.units=choice(256,384,512)",
    "model.num_blocks=range(1,4)",
    "model.mlp_dropout=interval(0,0.5)",
    "loss.label_smoothing=interval(0,0.5)",
    "model.frame_masking=interval(0,0.5)",
]


def milliseconds(sampler: str, trials: int, folder: Path) -> list[float]:
    """Returns what each trial costs."""
    url = f"sqlite:///{folder / sampler}.db"
    sweep = Sweep(
        study=open_study(url, "study", ["maximize"]),
        settings=SweeperSettings(n_trials=trials, sampler=sampler, direction="maximize"),
        space=read_search_space(SPACE, {}, {}),
        storage=url,
        n_trials=trials,
        config=None,
        compose=lambda overrides: None,
    )
    queue = TrialQueue(sweep)
    costs = []
    while True:
        began = time.perf_counter()
        if (asked := queue.ask()) is None:
            return costs
        trial, _ = asked
        value = -abs(trial.params["model.mlp_dropout"] - 0.2)
        trial_line(sweep, queue.tell(trial, Outcome(COMPLETE, 1.0, (value,))))
        costs.append(1000 * (time.perf_counter() - began))


def main() -> None:
    """Prints a line a sampler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        for sampler in ("tpe", "random", "cmaes", "nsgaii"):
            costs = milliseconds(sampler, trials, Path(folder))
            tenth = max(1, trials // 10)
            print(
                f"{sampler:8} {statistics.median(costs):6.1f} ms a trial over {trials}, "
                f"first tenth {statistics.median(costs[:tenth]):.1f}, "
                f"last tenth {statistics.median(costs[-tenth:]):.1f}, largest {max(costs):.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
