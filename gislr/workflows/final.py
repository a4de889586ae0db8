"""Trains a validated configuration on all signers, and registers the model.

Nobody is left to validate it on: it rests on the evidence of the run that it repeats, for as many
epochs as that run validated.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import model_validator

from gislr.config.configuration import read_configuration
from gislr.data.label_map import LABEL_MAP
from gislr.export.exported_folder import complete_folder
from gislr.inference.litert_recognizer import LITERT_FILE
from gislr.inference.registration import log_served_model
from gislr.tracking import model_registry as registry
from gislr.tracking import provenance
from gislr.tracking.model_registry import EVIDENCE, Evidence
from gislr.tracking.run import FINISHED, TrackedRun, tracked_run
from gislr.tracking.run_reader import MEMBERS, PARENT_TAG, LoggedRun
from gislr.tracking.run_search import find_run, newest_validated
from gislr.tracking.tracking_store import connect
from gislr.tracking.training_record import (
    ALSO_FINGERPRINT,
    FINGERPRINT,
    HELD_OUT_FILE,
    IDENTITY,
    TEMPERATURE,
    THRESHOLD,
)
from gislr.utils.errors import GislrError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import config_folder
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import Positive, Text, Whole
from gislr.workflows.command_settings import CommandSettings, read_command
from gislr.workflows.train import train

EVIDENCE_FILE, KERAS_FILE = "evidence.json", "model.keras"
FINAL = "final"
"""Tag of final runs."""

_SHARED = ("config.yaml", HELD_OUT_FILE, LABEL_MAP, "statistics")
# Artifacts that are the same for each seed.


class FinalSettings(CommandSettings):
    """Settings of `gislr final`; `conf/final.yaml` explains the keys."""

    run: Text | None
    experiment: Text | None
    epochs: Positive | None
    seed: Whole | None
    seeds: Positive
    register_model: bool
    promote: bool

    @model_validator(mode="after")
    def _check(self) -> FinalSettings:
        if (self.run is None) == (self.experiment is None):
            raise SettingError(
                "Name the validated run by either run=ID or +experiments=NAME; got "
                f"{'neither' if self.run is None else 'both'}."
            )
        if self.promote and not self.register_model:
            raise SettingError("promote=true needs register_model=true.")
        return self


def final(config: DictConfig) -> str:
    """Trains on all signers, records the evidence and registers the model.

    Returns:
        The id of the final run.

    Raises:
        GislrError: The run cannot be read, or held nobody out.
    """
    settings = read_command(FinalSettings, config)
    if settings.run is not None:
        named = find_run(settings.tracking, settings.run)
    else:
        named = newest_validated(settings.tracking, str(settings.experiment))
    if FINAL in named.tags:
        _complete(named, settings)
        return named.run_id
    evidence = Evidence.of_run(named)
    if settings.register_model:
        with quiet_backend():
            from gislr.export.litert import tensorflow
        tensorflow()  # an export needs it: fail before hours of training
    log.info(f"rests on run {named.run_id} ({named.name}): {evidence}")
    if settings.epochs is not None:
        log.info(f"      but trains {settings.epochs} epochs, whatever was validated")
    training = named.training()
    values = training.configuration().values
    # Nobody is held out that they could be fitted to.
    for metric in (TEMPERATURE, THRESHOLD):
        values["training"][metric] = training.metrics.get(metric)
    trained = [_train(values, evidence, settings, k) for k in range(settings.seeds)]
    run_id = trained[0] if len(trained) == 1 else _ensemble(trained, evidence, settings)
    _publish(find_run(settings.tracking, run_id), evidence, settings)
    log.info(f"final run {run_id}")
    return run_id


def _train(values: dict[str, Any], evidence: Evidence, settings: FinalSettings, number: int) -> str:
    """Trains one seed, unless an interrupted command has trained it; returns the run's id."""
    first = values["seed"] if settings.seed is None else settings.seed
    chosen = OmegaConf.create(
        {
            **values,
            "split": OmegaConf.load(config_folder() / "split" / "none.yaml"),
            "tracking": settings.tracking.model_dump(),
            "training": values["training"]
            | ({"epochs": settings.epochs} if settings.epochs else {}),
            "seed": first + number,
        }
    )
    alone = settings.seeds == 1
    if not alone and (known := _unused_member(chosen, evidence)):
        log.info(f"seed {chosen.seed} is trained already: run {known}")
        return known
    try:
        return train(
            chosen, {EVIDENCE: evidence.run_id} | ({FINAL: "true"} if alone else {})
        ).run_id
    except (KeyboardInterrupt, OSError):
        command = "gislr final run=RUN_ID" if alone else "the same command"
        log.warning(f"once it is trained, {command} completes the final run")
        raise


def _unused_member(chosen: DictConfig, evidence: Evidence) -> str | None:
    """Returns the id of an equal run for the same evidence that belongs to no final run."""
    configuration = read_configuration(chosen)
    client, experiment_id = connect(configuration.tracking)
    tags = find_run(configuration.tracking, evidence.run_id).training().tags
    data = {tag: tags[tag] for tag in (FINGERPRINT, ALSO_FINGERPRINT) if tag in tags}
    identity = provenance.identity(configuration.values, data)
    found = client.search_runs(
        [experiment_id],
        f"tags.`{IDENTITY}` = '{identity}' and tags.`{EVIDENCE}` = '{evidence.run_id}' "
        f"and attributes.status = '{FINISHED}'",
    )
    unused = (run for run in found if not {PARENT_TAG, FINAL}.intersection(run.data.tags))
    return next((str(run.info.run_id) for run in unused), None)


def _ensemble(trained: list[str], evidence: Evidence, settings: FinalSettings) -> str:
    """Creates the run of several models, the parent of their runs; returns its id."""
    first = find_run(settings.tracking, trained[0])
    tags = {
        **{k: v for k, v in first.tags.items() if k != IDENTITY and not k.startswith("mlflow.")},
        FINAL: "true",
        EVIDENCE: evidence.run_id,
        MEMBERS: ",".join(trained),
    }
    with tracked_run(settings.tracking, tags) as run:
        run.parameters(dict(first.parameters) | {"seeds": len(trained)})
        present = {entry.path for entry in first.client.list_artifacts(first.run_id)}
        with run.folder() as folder:
            for artifact in present.intersection(_SHARED):
                first.artifact(artifact, folder)
        for member in trained:
            first.client.set_tag(member, PARENT_TAG, run.run_id)
    return run.run_id


def _publish(run: LoggedRun, evidence: Evidence, settings: FinalSettings) -> None:
    """Records the evidence and the model as Keras reads it; exports and registers the model."""
    with quiet_backend():
        from gislr.export.litert import litert
        from gislr.inference.keras_recognizer import KerasRecognizer

    logged = {(name, 0) for name in run.metrics}
    tracked = TrackedRun(run.client, run.run_id, run.name, settings.tracking.experiment, logged)
    tracked.metrics({f"evidence_{name}": value for name, value in evidence.scores.items()})
    recognizer = KerasRecognizer.of_run(run)
    with tracked.folder() as folder:
        text = json.dumps(asdict(evidence), indent=1, ensure_ascii=False)
        (folder / EVIDENCE_FILE).write_text(text, encoding="utf-8")
        recognizer.serving.save(folder / KERAS_FILE)
    if not settings.register_model:
        return
    with tracked.folder("export") as folder:
        (folder / LITERT_FILE).write_bytes(*litert(recognizer.models))
        card = complete_folder(folder, run, recognizer)
        uri = log_served_model(folder, run.run_id, recognizer.signs)
    version = registry.register(run.client, uri, run.run_id, evidence, card)
    log.info(f"registered as models:/{registry.NAME}/{version}")
    if settings.promote:
        log.info(registry.promote(run.client, version))


def _complete(run: LoggedRun, settings: FinalSettings) -> None:
    """Publishes a final run that was interrupted before, or promotes a registered one."""
    version = registry.registered_version(run.client, run.run_id)
    if version is None and settings.register_model:
        if run.status != FINISHED:
            raise GislrError(
                f"Run {run.run_id} must be trained to its end before it is registered; it is not. "
                f"Resume it with: gislr train resume={run.run_id}"
            )
        evidence = Evidence.of_run(find_run(settings.tracking, run.tags[EVIDENCE]))
        _publish(run, evidence, settings)
    elif settings.promote and version is not None:
        log.info(registry.promote(run.client, version))
    else:
        raise SettingError(
            f"Run {run.run_id} is a final run already; add promote=true, or repeat it with "
            "gislr reproduce."
        )
