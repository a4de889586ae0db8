"""Trains a validated run's configuration on all signers: the model that is used.

    python -m gislr.final run=RUN_ID      a training, a sweep (its best trial) or a cross-validation

Nothing is left to validate it on, so it rests on the evidence of the run that it repeats, which is
kept with it. It is trained for as many epochs as were validated: the last epoch's score is the
evidence, and the learning rate's schedule ends with it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from gislr.commands import run_command
from gislr.errors import GislrError
from gislr.paths import config_folder
from gislr.settings import read_settings
from gislr.terminal import note
from gislr.tracking.store import TrackingSettings
from gislr.train import TrainingResult, train

if TYPE_CHECKING:
    from gislr.tracking.logged import LoggedRun

EVIDENCE_FILE = "evidence.json"


def final(config: DictConfig) -> TrainingResult:
    """Trains on all signers and keeps what it rests on.

    Args:
        config: A composed `conf/final.yaml`.

    Raises:
        GislrError: The run cannot be read, or was not validated.
    """
    from gislr.tracking.logged import find_run
    from gislr.tracking.run import TrackedRun

    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    tracking = read_settings(TrackingSettings, values["tracking"], "tracking")
    named = find_run(tracking, str(values["run"]))
    evidence = validation_evidence(named)
    chosen = dict(named.training().configuration().values)
    chosen["split"] = OmegaConf.to_container(OmegaConf.load(config_folder() / "split/none.yaml"))
    chosen["tracking"] = values["tracking"]
    if values["epochs"] is not None:
        chosen["training"] = {**chosen["training"], "epochs": values["epochs"]}
    if values["seed"] is not None:
        chosen["seed"] = values["seed"]
    note(f"rests on run {named.run_id} ({named.name}): {shown(evidence)}")
    tags = {"final": "true", "evidence.run_id": named.run_id}
    result = train(OmegaConf.create(chosen), tags)
    run = TrackedRun(named.client, result.run_id, result.run_name, tracking.experiment)
    run.metrics({f"evidence_{name}": value for name, value in evidence.items()})
    with run.folder() as folder:
        described = {"run_id": named.run_id, "name": named.name, "scores": evidence}
        text = json.dumps(described, indent=1, ensure_ascii=False)
        (folder / EVIDENCE_FILE).write_text(text, encoding="utf-8")
    return result


def validation_evidence(run: LoggedRun) -> dict[str, float]:
    """Returns a run's scores on held-out signers, by metric.

    Raises:
        GislrError: It has none: nobody was held out.
    """
    prefixes = ("cv_", "val_", "best_val_")
    found = {name: value for name, value in run.metrics.items() if name.startswith(prefixes)}
    if not found:
        raise GislrError(
            f"A final run must rest on scores of held-out signers, and run {run.run_id} has none; "
            "validate its configuration first, for instance with gislr.cross_validate."
        )
    return found


def shown(evidence: dict[str, float]) -> str:
    """Returns the evidence's weighted F1 as text."""
    if "cv_weighted_f1" in evidence:
        low, high = evidence["cv_weighted_f1_low"], evidence["cv_weighted_f1_high"]
        return f"weighted F1 {evidence['cv_weighted_f1']:.4f} ({low:.4f} to {high:.4f})"
    value = evidence.get("val_weighted_f1", evidence.get("best_val_weighted_f1"))
    return "no weighted F1" if value is None else f"weighted F1 {value:.4f} on signers held out"


if __name__ == "__main__":
    run_command(final, "final")
