"""Evaluates a logged model again, on its own data or on other, or several averaged.

python -m gislr.evaluate run=RUN_ID
python -m gislr.evaluate run=[RUN_ID,RUN_ID,RUN_ID]
python -m gislr.evaluate run=RUN_ID data=asl_signs data.root=DIR output=FOLDER
"""

from __future__ import annotations

import dataclasses
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gislr.config.tracking_settings import TrackingSettings
from gislr.data.sources import SOURCES
from gislr.utils.errors import SettingError, unknown_name
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import read_settings

HELD_OUT, ALL = "held_out", "all"


def evaluate(config: DictConfig) -> dict[str, float]:
    """Evaluates a run's model and says whether the scores are those that it logged.

    Args:
        config: A composed `conf/evaluate.yaml`.

    Raises:
        GislrError: The run cannot be read, or the data does not suit it.
    """
    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if values["clips"] not in (None, HELD_OUT, ALL):
        raise unknown_name("clips", values["clips"], (HELD_OUT, ALL))
    with quiet_backend():
        from gislr.inference.logged_models import StoresOfRuns, average, predict_logged
        from gislr.tracking.run_reader import differing, find_run
    tracking = read_settings(TrackingSettings, values["tracking"], "tracking")
    names = values["run"] if isinstance(values["run"], list) else [values["run"]]
    runs = [member for name in names for member in find_run(tracking, str(name)).members()]
    if not runs:
        raise SettingError("run must be the id of a run, or a list of at least one.")
    run = runs[0]
    configuration = run.configuration()
    if values.get("data"):
        configuration = dataclasses.replace(configuration, data=SOURCES.read(values["data"]))
    stores = StoresOfRuns(configuration)
    store = stores.of(run)
    own = store.fingerprint == run.tags.get("data.fingerprint")
    which = values["clips"] or (HELD_OUT if own and run.held_out() else ALL)
    only = which == HELD_OUT
    predictions = average(
        [predict_logged(each, stores.of(each), held_out_only=only) for each in runs]
    )
    scores = predictions.score()
    whose = "held-out signers" if only else "all signers"
    log.info(f"\n{len(predictions):,} clips of {whose}, {configuration.data.name} data")
    for name, value in scores.items():
        log.info(f"  {name:<18} {value:.6f}")
    if len(runs) > 1:
        log.info(f"the probabilities of {len(runs)} models, averaged")
    elif own and only:
        other = differing({f"val_{name}": value for name, value in scores.items()}, run.metrics)
        log.info(
            f"differs from what was logged: {', '.join(other)}" if other else "as it was logged"
        )
    if values["output"]:
        from gislr.evaluation.reports.run_report import write_evaluation

        folder = resolve_here(values["output"])
        write_evaluation(folder, predictions, store, title=run.name, signers=whose)
        log.info(f"written to {folder}")
    return scores
