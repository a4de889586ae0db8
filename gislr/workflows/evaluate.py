"""Evaluates a logged model on its own data or on other, or several models averaged."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from omegaconf import DictConfig

from gislr.data.sources import SOURCES
from gislr.evaluation.reports.run_report import write_evaluation
from gislr.tracking.run_reader import find_run
from gislr.utils.errors import SettingError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command


class EvaluateSettings(CommandSettings):
    """Settings of `gislr evaluate`; `conf/evaluate.yaml` explains the keys."""

    run: Text | list[Text]
    signers: Literal["held_out", "all"] | None
    output: Text | None
    data: Any = None  # Hydra leaves the key out where no data is chosen


def evaluate(config: DictConfig) -> dict[str, float]:
    """Evaluates a run's model and says whether the scores equal those that it logged.

    Returns:
        The scores by metric.

    Raises:
        GislrError: The run cannot be read, or the data does not suit it.
    """
    settings = read_command(EvaluateSettings, config)
    with quiet_backend():
        from gislr.inference.logged_models import average, open_stores, predict_logged
    names = settings.run if isinstance(settings.run, list) else [settings.run]
    runs = [member for name in names for member in find_run(settings.tracking, name).members()]
    if not runs:
        raise SettingError("run must be the id of a run, or a list of at least one.")
    run = runs[0]
    configuration = run.configuration()
    if settings.data is not None:
        configuration = dataclasses.replace(configuration, data=SOURCES.read(settings.data))
    stores = open_stores(configuration, runs)
    store = stores[0]
    own = store.fingerprint == run.tags.get("data.fingerprint")
    held_out = own and bool(run.held_out())
    if settings.signers is not None:
        held_out = settings.signers == "held_out"
    predictions = average(
        [
            predict_logged(each, clips, held_out_only=held_out)
            for each, clips in zip(runs, stores, strict=True)
        ]
    )
    scores = predictions.score()
    signers = "held-out signers" if held_out else "all signers"
    log.info(f"\n{len(predictions):,} clips of {signers}, {configuration.data.name} data")
    for name, value in scores.items():
        log.info(f"  {name:<18} {value:.6f}")
    if len(runs) > 1:
        log.info(f"the probabilities of {len(runs)} models, averaged")
    elif own and held_out:
        other = [name for name, value in scores.items() if run.metrics.get(f"val_{name}") != value]
        log.info(
            f"differs from the logged metrics: {', '.join(other)}"
            if other
            else "equals the logged metrics"
        )
    if settings.output is not None:
        folder = resolve_here(settings.output)
        write_evaluation(folder, predictions, store, title=run.name, signers=signers)
        log.info(f"written to {folder}")
    return scores
