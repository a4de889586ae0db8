"""Trains a run again and compares every metric.

The same code, versions, data and machine give the same numbers to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf

from gislr.config.configuration import open_also, open_data
from gislr.tracking import provenance
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import find_run
from gislr.tracking.training_record import data_tags
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command
from gislr.workflows.pretrain import pretrain
from gislr.workflows.train import train

_NOT_COMPARED = ("clips_per_second", "evidence_", "test_")
_SHOWN = 5


class ReproduceSettings(CommandSettings):
    """Settings of `gislr reproduce`; `conf/reproduce.yaml` explains the keys."""

    run: Text


@dataclass(frozen=True)
class Reproduction:
    """The result of training a run again.

    Attributes:
        run_id: The new run.
        changed: What has changed since: commit, versions, data.
        differing: By metric, the values of both runs where they differ.
        compared: Number of compared metrics.
    """

    run_id: str
    changed: list[str]
    differing: Mapping[str, tuple[list[float], list[float]]]
    compared: int


def reproduce(config: DictConfig) -> Reproduction:
    """Trains a run again.

    Raises:
        GislrError: The run cannot be read, its data is gone, or a metric differs.
    """
    settings = read_command(ReproduceSettings, config)
    run = find_run(settings.tracking, settings.run, may_be_pretraining=True)
    configuration = run.configuration()
    data = data_tags(open_data(configuration), open_also(configuration))
    changed = provenance.changes(run.tags, data)
    log.info("changed since the run:" if changed else "unchanged: commit, versions and data")
    for line in changed:
        log.info(f"  {line}")
    chosen = {**configuration.values, "tracking": settings.tracking.model_dump()}
    again = pretrain if configuration.pretraining else train
    new = again(OmegaConf.create(chosen), {"reproduces": run.run_id}).run_id
    old_values, new_values = run.history(), LoggedRun.of(run.client, new).history()
    names = sorted(name for name in run.metrics if not name.startswith(_NOT_COMPARED))
    histories = {name: (old_values[name], new_values.get(name, [])) for name in names}
    differing = {name: pair for name, pair in histories.items() if pair[0] != pair[1]}
    if differing:
        shown = "; ".join(
            f"{name} {before[-1]!r}, now {after[-1] if after else 'absent'!r}"
            for name, (before, after) in list(differing.items())[:_SHOWN]
        )
        raise GislrError(
            f"Every metric must be the same, but {len(differing)} of {len(names)} differ: {shown}"
        )
    log.info(f"all {len(names)} metrics of every epoch are the same")
    return Reproduction(new, changed, differing, len(names))
