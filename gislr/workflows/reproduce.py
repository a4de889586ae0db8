"""Trains a run again: says what differs beforehand, and compares every metric afterwards.

    python -m gislr.reproduce run=RUN_ID

The same code, versions, data and machine give the same numbers to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from gislr.config.configuration import open_data
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking import provenance
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.utils.settings import read_settings
from gislr.workflows.train import train

if TYPE_CHECKING:
    from gislr.tracking.run_reader import LoggedRun

_TIMES = ("clips_per_second",)
_EVIDENCE = "evidence_"


@dataclass(frozen=True)
class Repetition:
    """What repeating a run came to.

    Attributes:
        run_id: The repetition's run.
        changed: What is not as it was: commit, versions, data.
        differing: By metric, the values of the run and of the repetition where they differ.
        compared: How many metrics were compared.
    """

    run_id: str
    changed: list[str]
    differing: Mapping[str, tuple[list[float], list[float]]]
    compared: int


def reproduce(config: DictConfig) -> Repetition:
    """Trains a run again.

    Args:
        config: A composed `conf/reproduce.yaml`.

    Raises:
        GislrError: The run cannot be read, its data is gone, or the metrics are not the same.
    """
    from gislr.tracking.run_reader import find_run

    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    tracking = read_settings(TrackingSettings, values["tracking"], "tracking")
    run = find_run(tracking, str(values["run"]))
    configuration = run.configuration()
    changed = provenance.changes(run.tags, open_data(configuration).fingerprint)
    log.info("as it was: commit, versions and data" if not changed else "not as it was:")
    for line in changed:
        log.info(f"  {line}")
    chosen = {**configuration.values, "tracking": values["tracking"]}
    result = train(OmegaConf.create(chosen), {"reproduces": run.run_id})
    again = find_run(tracking, result.run_id)
    names = sorted(
        name for name in run.metrics if name not in _TIMES and not name.startswith(_EVIDENCE)
    )
    histories = {name: (_history(run, name), _history(again, name)) for name in names}
    differing = {name: pair for name, pair in histories.items() if pair[0] != pair[1]}
    found = Repetition(result.run_id, changed, differing, len(names))
    if differing:
        worst = "; ".join(
            f"{name} {before[-1]!r}, now {after[-1] if after else 'absent'!r}"
            for name, (before, after) in list(differing.items())[:5]
        )
        raise GislrError(
            f"Every metric must be as it was, but {len(differing)} of {len(names)} differ: {worst}"
        )
    log.info(f"all {len(names)} metrics of every epoch are the same")
    return found


def _history(run: LoggedRun, name: str) -> list[float]:
    return [metric.value for metric in run.client.get_metric_history(run.run_id, name)]
