"""Progress on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from gislr.utils.log import log


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Yields a function of a description and a total that draws a bar and returns its counter.

    Bars are drawn on a terminal only; elsewhere the description is one line on standard error.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # Rich's own answer is yes wherever FORCE_COLOR is set, as Jupyter and CI do.
    is_terminal = sys.stderr.isatty()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not is_terminal,
    )

    def start(description: str, total: int) -> Callable[[int], None]:
        if not is_terminal:
            # Not on standard output, which may be JSON.
            print(f"{description}: {total:,}", file=sys.stderr, flush=True)
        task = bars.add_task(description, total=total)
        return lambda done: bars.update(task, advance=done)

    with bars:
        yield start


class EpochDisplay:
    """One line for each epoch, rewritten while it runs on a terminal, with the remaining time.

    Args:
        epochs: Number of epochs.
        steps: Steps of an epoch.
        done: Number of epochs that a resumed run has trained before.
    """

    def __init__(self, epochs: int, steps: int, done: int = 0) -> None:
        self._live = sys.stdout.isatty()
        self._epochs, self._steps = epochs, steps
        self._epoch = self._before = done
        self._began = time.monotonic()

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Rewrites the line after a step; on a terminal only."""
        if self._live:
            done = self._epoch + (step + 1) / self._steps
            line = f"{self._head()}  step {step + 1}/{self._steps}  {_text(metrics)}"
            print(f"\r\033[K{line}  {self._remaining(done)}", end="", flush=True)

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """Logs the metrics of an epoch."""
        line = f"{self._head()}  {_text(metrics)}"
        self._epoch += 1
        if self._live:
            print("\r\033[K", end="")
        log.info(f"{line}  {self._remaining(self._epoch)}")

    def _head(self) -> str:
        return f"epoch {self._epoch + 1:>{len(str(self._epochs))}}/{self._epochs}"

    def _remaining(self, done: float) -> str:
        seconds = (time.monotonic() - self._began) * (self._epochs - done) / (done - self._before)
        return f"{timedelta(seconds=round(seconds))} left"


_FORMATS = {
    "loss": "loss {:.4f}",
    "acc": "acc {:.4f}",
    "val_loss": "val_loss {:.4f}",
    "val_baseline_loss": "of the mean {:.4f}",
    "val_acc": "val_acc {:.4f}",
    "val_weighted_f1": "val_f1 {:.4f}",
}


def _text(metrics: Mapping[str, float]) -> str:
    return "  ".join(
        text.format(metrics[name]) for name, text in _FORMATS.items() if name in metrics
    )
