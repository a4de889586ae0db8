"""Trains a validated configuration on all signers: the model that is used.

    python -m gislr.final run=RUN_ID             a training or a cross-validation
    python -m gislr.final sweep=RUN_ID           its best trial
    python -m gislr.final +experiments=NAME      the experiment's newest validated run
    python -m gislr.final run=FINAL_RUN_ID promote=true

Nothing is left to validate it on, so it rests on the evidence of the run that it repeats, which is
kept with it. It is trained for as many epochs as were validated: the last epoch's score is the
evidence, and the learning rate's schedule ends with it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from gislr.backend import quiet_backend
from gislr.commands import run_command
from gislr.errors import GislrError, SettingError
from gislr.paths import config_folder
from gislr.settings import read_settings
from gislr.terminal import note
from gislr.tracking import registry
from gislr.tracking.evidence import Evidence
from gislr.tracking.record import IDENTITY
from gislr.tracking.run import TrackedRun, tracked_run
from gislr.tracking.store import TrackingSettings
from gislr.train import train

if TYPE_CHECKING:
    from gislr.tracking.logged import LoggedRun

EVIDENCE_FILE = "evidence.json"
KERAS_FILE = "model.keras"
FINAL = "final"
"""Tag of final runs."""


def final(config: DictConfig) -> str:
    """Trains on all signers, keeps what it rests on and registers the model.

    Args:
        config: A composed `conf/final.yaml`.

    Returns:
        The id of the final run.

    Raises:
        GislrError: The run cannot be read, or was not validated.
    """
    from gislr.tracking.logged import find_run

    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    tracking = read_settings(TrackingSettings, values["tracking"], "tracking")
    if type(values["seeds"]) is not int or values["seeds"] < 1:
        raise SettingError(f"seeds must be a whole number of at least 1; got {values['seeds']!r}.")
    if values["promote"] and not values["register"]:
        raise SettingError("promote=true needs a registered model; leave register=true.")
    named = _named_run(tracking, values)
    if FINAL in named.tags:
        _promote_only(named, values)
        return named.run_id
    evidence = Evidence.of_run(named)
    if values["register"]:
        with quiet_backend():
            from gislr.exporting.litert import tensorflow
        # Before hours of training: what is registered is exported.
        tensorflow()
    note(f"rests on run {named.run_id} ({named.name}): {evidence}")
    if values["epochs"] is not None:
        note(f"      but is trained for {values['epochs']} epochs, whatever was validated")
    trained = []
    for k in range(values["seeds"]):
        chosen = _all_signers(named, values, k)
        tags = {"evidence.run_id": named.run_id} | ({FINAL: "true"} if values["seeds"] == 1 else {})
        trained.append(train(OmegaConf.create(chosen), tags).run_id)
    run_id = trained[0] if len(trained) == 1 else _put_together(tracking, trained, evidence)
    finished = find_run(tracking, run_id)
    run = TrackedRun(finished.client, run_id, finished.name, tracking.experiment)
    run.metrics({f"evidence_{name}": value for name, value in evidence.scores.items()})
    _keep(run, finished, evidence, register=values["register"], promote=values["promote"])
    note(f"final run {run_id}")
    return run_id


def _named_run(tracking: TrackingSettings, values: dict[str, Any]) -> LoggedRun:
    from gislr.tracking.logged import find_run, newest_validated

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


def _put_together(tracking: TrackingSettings, trained: list[str], evidence: Evidence) -> str:
    """Makes the run of several models, with the trainings below it, and returns its id."""
    from gislr.tracking.logged import MEMBERS, find_run

    first = find_run(tracking, trained[0])
    own = {IDENTITY, *(name for name in first.tags if name.startswith("mlflow."))}
    tags = {
        FINAL: "true",
        "evidence.run_id": evidence.run_id,
        MEMBERS: ",".join(trained),
        **{name: value for name, value in first.tags.items() if name not in own},
    }
    with tracked_run(tracking, tags) as run:
        run.parameters(dict(first.parameters) | {"seeds": len(trained)})
        with run.folder() as folder:
            for artifact in first.shared_artifacts():
                first.artifact(artifact, folder)
        for member in trained:
            first.client.set_tag(member, "mlflow.parentRunId", run.run_id)
    return run.run_id


def _keep(
    run: TrackedRun, finished: LoggedRun, evidence: Evidence, *, register: bool, promote: bool
) -> None:
    """Writes the evidence and the model in the forms in which it is used."""
    with quiet_backend():
        from gislr.exporting.litert import litert
        from gislr.recognition.keras_recogniser import KerasRecogniser
        from gislr.recognition.litert_recogniser import LITERT_FILE
        from gislr.tracking.models import log_served_model
    from gislr.data.label_map import LABEL_MAP, write_label_map

    recogniser = KerasRecogniser.of_run(finished)
    with run.folder() as folder:
        text = json.dumps(asdict(evidence), indent=1, ensure_ascii=False)
        (folder / EVIDENCE_FILE).write_text(text, encoding="utf-8")
        recogniser.serving.save(folder / KERAS_FILE)
    if not register:
        return
    with run.folder("export") as folder:
        (folder / LITERT_FILE).write_bytes(litert(recogniser.models))
        write_label_map(folder / LABEL_MAP, recogniser.signs)
        uri = log_served_model(folder, run.run_id, recogniser.signs)
    version = registry.register(run.client, uri, run.run_id, evidence)
    note(f"registered as models:/{registry.NAME}/{version}")
    if promote:
        note(registry.promote(run.client, version))


def _promote_only(named: LoggedRun, values: dict[str, Any]) -> None:
    version = registry.registered_version(named.client, named.run_id)
    if not values["promote"]:
        raise SettingError(
            f"Run {named.run_id} is a final run already; add promote=true, or repeat it with "
            "gislr.reproduce."
        )
    if version is None:
        raise GislrError(f"Run {named.run_id} must be registered to be promoted; it is not.")
    note(registry.promote(named.client, version))


def _as_key(argument: str) -> str:
    """Takes an experiment in the spelling of `gislr.train`, too."""
    return argument.replace("+experiments=", "experiment=", 1)


if __name__ == "__main__":
    sys.argv[1:] = [_as_key(argument) for argument in sys.argv[1:]]
    run_command(final, "final")
