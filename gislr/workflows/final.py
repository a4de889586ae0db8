"""Trains a validated configuration on all signers: the model that is used.

    python -m gislr.final run=RUN_ID             a training or a cross-validation
    python -m gislr.final sweep=RUN_ID           its best trial
    python -m gislr.final +experiments=NAME      the experiment's newest validated run
    python -m gislr.final run=FINAL_RUN_ID promote=true
    python -m gislr.final run=FINAL_RUN_ID       keeps and registers it, where that was cut off

Nothing is left to validate it on, so it rests on the evidence of the run that it repeats, which is
kept with it. It is trained for as many epochs as were validated: the last epoch's score is the
evidence, and the learning rate's schedule ends with it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from gislr.config.configuration import Configuration, read_configuration
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking import model_registry as registry
from gislr.tracking import provenance
from gislr.tracking.evidence import Evidence
from gislr.tracking.record import IDENTITY
from gislr.tracking.run import FINISHED, TrackedRun, tracked_run
from gislr.tracking.store import connect
from gislr.utils.errors import GislrError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import config_folder
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import read_settings
from gislr.workflows.train import train

if TYPE_CHECKING:
    from gislr.tracking.run_reader import LoggedRun

EVIDENCE_FILE = "evidence.json"
KERAS_FILE = "model.keras"
FINAL, EVIDENCE = "final", "evidence.run_id"
"""Tags: of final runs, and of the run that was validated, by those that rest on it."""

_PARENT = "mlflow.parentRunId"


def final(config: DictConfig) -> str:
    """Trains on all signers, keeps what it rests on and registers the model.

    Args:
        config: A composed `conf/final.yaml`.

    Returns:
        The id of the final run.

    Raises:
        GislrError: The run cannot be read, or was not validated.
    """
    from gislr.tracking.run_reader import find_run

    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    tracking = read_settings(TrackingSettings, values["tracking"], "tracking")
    if type(values["seeds"]) is not int or values["seeds"] < 1:
        raise SettingError(f"seeds must be a whole number of at least 1; got {values['seeds']!r}.")
    if values["promote"] and not values["register"]:
        raise SettingError("promote=true needs a registered model; leave register=true.")
    named = _named_run(tracking, values)
    if FINAL in named.tags:
        _completed(named, tracking, values)
        return named.run_id
    evidence = Evidence.of_run(named)
    if values["register"]:
        with quiet_backend():
            from gislr.export.litert import tensorflow
        # Before hours of training: what is registered is exported.
        tensorflow()
    log.info(f"rests on run {named.run_id} ({named.name}): {evidence}")
    if values["epochs"] is not None:
        log.info(f"      but is trained for {values['epochs']} epochs, whatever was validated")
    trained = [_trained(named, evidence, values, k) for k in range(values["seeds"])]
    run_id = trained[0] if len(trained) == 1 else _put_together(tracking, trained, evidence)
    _keep(find_run(tracking, run_id), evidence, values)
    log.info(f"final run {run_id}")
    return run_id


def _named_run(tracking: TrackingSettings, values: dict[str, Any]) -> LoggedRun:
    from gislr.tracking.run_reader import find_run, newest_validated

    given = [key for key in ("run", "sweep", "experiment") if values[key] is not None]
    if len(given) != 1:
        raise SettingError(
            "Write what is trained on all signers as one of run=ID, sweep=ID and "
            f"+experiments=NAME; got {' and '.join(given) or 'none'}."
        )
    if given == ["experiment"]:
        return newest_validated(tracking, str(values["experiment"]))
    return find_run(tracking, str(values[given[0]]))


def _all_signers(named: LoggedRun, values: dict[str, Any], number: int) -> dict[str, Any]:
    """Returns the configuration of one training."""
    chosen = dict(named.training().configuration().values)
    chosen["split"] = OmegaConf.to_container(OmegaConf.load(config_folder() / "split/none.yaml"))
    chosen["tracking"] = values["tracking"]
    if values["epochs"] is not None:
        chosen["training"] = {**chosen["training"], "epochs": values["epochs"]}
    chosen["seed"] = (chosen["seed"] if values["seed"] is None else values["seed"]) + number
    return chosen


def _trained(named: LoggedRun, evidence: Evidence, values: dict[str, Any], number: int) -> str:
    """Trains one seed, unless a command that was cut off has, and returns the run's id."""
    chosen = OmegaConf.create(_all_signers(named, values, number))
    alone = values["seeds"] == 1
    tags = {EVIDENCE: evidence.run_id} | ({FINAL: "true"} if alone else {})
    if not alone and (known := _left_over(evidence, read_configuration(chosen))):
        log.info(f"seed {chosen.seed} is trained already: run {known}")
        return known
    try:
        return train(chosen, tags).run_id
    except (KeyboardInterrupt, OSError):
        then = "python -m gislr.final run=RUN_ID" if alone else "the same command as now"
        log.warning(f"once it is trained, what is left is done by: {then}")
        raise


def _left_over(evidence: Evidence, configuration: Configuration) -> str | None:
    """Returns the id of a run that was trained for the same evidence and never put together."""
    client, experiment_id = connect(configuration.tracking)
    identity = provenance.identity(configuration.values, evidence.fingerprint)
    found = client.search_runs(
        [experiment_id],
        f"tags.`{IDENTITY}` = '{identity}' and tags.`{EVIDENCE}` = '{evidence.run_id}' "
        f"and attributes.status = '{FINISHED}'",
    )
    unused = (run for run in found if _PARENT not in run.data.tags)
    return next((str(run.info.run_id) for run in unused if FINAL not in run.data.tags), None)


def _put_together(tracking: TrackingSettings, trained: list[str], evidence: Evidence) -> str:
    """Makes the run of several models, with the trainings below it, and returns its id."""
    from gislr.tracking.run_reader import MEMBERS, find_run

    first = find_run(tracking, trained[0])
    own = {IDENTITY, *(name for name in first.tags if name.startswith("mlflow."))}
    tags = {
        FINAL: "true",
        EVIDENCE: evidence.run_id,
        MEMBERS: ",".join(trained),
        **{name: value for name, value in first.tags.items() if name not in own},
    }
    with tracked_run(tracking, tags) as run:
        run.parameters(dict(first.parameters) | {"seeds": len(trained)})
        with run.folder() as folder:
            for artifact in first.shared_artifacts():
                first.artifact(artifact, folder)
        for member in trained:
            first.client.set_tag(member, _PARENT, run.run_id)
    return run.run_id


def _keep(finished: LoggedRun, evidence: Evidence, values: dict[str, Any]) -> None:
    """Writes the evidence and the model in the forms in which it is used."""
    with quiet_backend():
        from gislr.export.litert import litert
        from gislr.inference.keras_recognizer import KerasRecognizer
        from gislr.inference.litert_recognizer import LITERT_FILE
        from gislr.tracking.keras_models import log_served_model
    from gislr.data.label_map import LABEL_MAP, write_label_map

    experiment = str(values["tracking"]["experiment"])
    logged = {(name, 0) for name in finished.metrics}
    run = TrackedRun(finished.client, finished.run_id, finished.name, experiment, logged)
    run.metrics({f"evidence_{name}": value for name, value in evidence.scores.items()})
    recognizer = KerasRecognizer.of_run(finished)
    with run.folder() as folder:
        text = json.dumps(asdict(evidence), indent=1, ensure_ascii=False)
        (folder / EVIDENCE_FILE).write_text(text, encoding="utf-8")
        recognizer.serving.save(folder / KERAS_FILE)
    if not values["register"]:
        return
    with run.folder("export") as folder:
        (folder / LITERT_FILE).write_bytes(litert(recognizer.models))
        write_label_map(folder / LABEL_MAP, recognizer.signs)
        uri = log_served_model(folder, run.run_id, recognizer.signs)
    version = registry.register(run.client, uri, run.run_id, evidence)
    log.info(f"registered as models:/{registry.NAME}/{version}")
    if values["promote"]:
        log.info(registry.promote(run.client, version))


def _completed(named: LoggedRun, tracking: TrackingSettings, values: dict[str, Any]) -> None:
    """Does what is left to do of a final run: keeps and registers it, or makes it the champion."""
    from gislr.tracking.run_reader import find_run

    version = registry.registered_version(named.client, named.run_id)
    if version is None and values["register"]:
        if named.client.get_run(named.run_id).info.status != FINISHED:
            raise GislrError(
                f"Run {named.run_id} must be trained to its end before it is registered; it is "
                f"not. Go on with: python -m gislr.train resume={named.run_id}"
            )
        _keep(named, Evidence.of_run(find_run(tracking, named.tags[EVIDENCE])), values)
    elif values["promote"] and version is not None:
        log.info(registry.promote(named.client, version))
    else:
        raise SettingError(
            f"Run {named.run_id} is a final run already; add promote=true, or repeat it with "
            "gislr.reproduce."
        )
