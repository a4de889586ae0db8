"""MLflow's registry: final models as versions of `gislr`, the best of them as `champion`.

Nobody is left to validate a final model on. It rests on evidence: the scores of the run that it
repeats, which held clips out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.training_record import FINGERPRINT, HELD_OUT
from gislr.utils.errors import GislrError

NAME, CHAMPION = "gislr", "champion"

EVIDENCE = "evidence.run_id"
"""Tag of final runs, their members and versions: the id of the validated run that they rest on."""

_PROTOCOL, _FINGERPRINT, _SCORE = (
    f"evidence.{name}" for name in ("protocol", "fingerprint", "weighted_f1")
)
_LONGEST_TAG, _LONGEST_DESCRIPTION = 4000, 5000
_PREFIXES = ("cv_", "val_", "best_val_")


@dataclass(frozen=True)
class Evidence:
    """Scores on clips held out.

    Attributes:
        run_id: The validated run.
        name: Its name.
        protocol: Who was held out and how; scores of equal protocols can be compared.
        fingerprint: Of the data.
        scores: By metric.
    """

    run_id: str
    name: str
    protocol: str
    fingerprint: str
    scores: Mapping[str, float]

    @classmethod
    def of_run(cls, run: LoggedRun) -> Evidence:
        """Reads the scores of a training, a sweep or a cross-validation.

        Raises:
            GislrError: The run held nothing out.
        """
        scores = {name: value for name, value in run.metrics.items() if name.startswith(_PREFIXES)}
        if not scores:
            raise GislrError(
                f"A final run must rest on scores of clips held out, and run {run.run_id} has "
                "none; validate its configuration first, for instance with gislr cross_validate."
            )
        training = run.training()
        if "cv_weighted_f1" in scores:
            folds, column = (training.parameters.get(f"split.{k}") for k in ("folds", "column"))
            protocol = f"cross-validation of {folds} folds of {column}"
        else:
            how = "chosen by a sweep on" if training.was_chosen() else "held out"
            protocol = f"{how} {training.tags.get(HELD_OUT, 'unknown')}"
        fingerprint = training.tags.get(FINGERPRINT, "unknown")
        return cls(run.run_id, run.name, protocol, fingerprint, scores)

    @property
    def weighted_f1(self) -> float:
        """The weighted F1 that ranks models; NaN if the run did not log it."""
        names = [f"{prefix}weighted_f1" for prefix in _PREFIXES]
        return next((self.scores[name] for name in names if name in self.scores), float("nan"))

    def __str__(self) -> str:
        text = f"weighted F1 {self.weighted_f1:.4f}"
        if "cv_weighted_f1_low" in self.scores:
            low, high = self.scores["cv_weighted_f1_low"], self.scores["cv_weighted_f1_high"]
            text += f" ({low:.4f} to {high:.4f})"
        return f"{text}, {shorten(self.protocol, 80, placeholder=' ...')}"


def register(client: Any, model_uri: str, run_id: str, evidence: Evidence, description: str) -> str:
    """Registers a logged model and returns its version.

    Args:
        client: An `mlflow.MlflowClient`.
        model_uri: The logged model.
        run_id: The final run.
        evidence: The scores that it rests on.
        description: Markdown, shown on its page; of what is too long, the last sections are cut.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(NAME, description="Signs from MediaPipe landmarks.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        EVIDENCE: evidence.run_id,
        _PROTOCOL: evidence.protocol[:_LONGEST_TAG],
        _FINGERPRINT: evidence.fingerprint,
        _SCORE: repr(evidence.weighted_f1),
    }
    if len(description) > _LONGEST_DESCRIPTION:
        description = description[:_LONGEST_DESCRIPTION].rpartition("\n## ")[0]
    version = client.create_model_version(
        NAME, model_uri, run_id, tags=tags, description=description
    )
    return str(version.version)


def registered_version(client: Any, run_id: str) -> str | None:
    """Returns the registered version of a final run, or `None`."""
    found = client.search_model_versions(f"name = '{NAME}'")
    return next((str(v.version) for v in found if v.run_id == run_id), None)


def promote(client: Any, version: str) -> str:
    """Makes a version the champion if its evidence is better than the champion's.

    Returns:
        The decision and its reason, one sentence.
    """
    from mlflow.exceptions import MlflowException

    new = client.get_model_version(NAME, version).tags
    label = f"version {version}"
    try:
        champion = client.get_model_version_by_alias(NAME, CHAMPION)
    except MlflowException:
        champion = None
    if champion is not None:
        old = champion.tags
        other = f"the champion, version {champion.version}"
        if str(champion.version) == version:
            return f"{label} is the champion already"
        for what, key in (("data", _FINGERPRINT), ("clips held out", _PROTOCOL)):
            if new.get(key) != old.get(key):
                return (
                    f"{label} is not promoted: its evidence and that of {other}, are of different "
                    f"{what}, so neither is better; move the alias by hand in MLflow's pages"
                )
        before, now = float(old.get(_SCORE, "nan")), float(new.get(_SCORE, "nan"))
        if not now > before:
            return (
                f"{label} is not promoted: its weighted F1 on clips held out, {now:.4f}, is not "
                f"above {before:.4f} of {other}"
            )
        label += f", weighted F1 {now:.4f} after {before:.4f},"
    client.set_registered_model_alias(NAME, CHAMPION, version)
    return f"{label} is the champion now: models:/{NAME}@{CHAMPION}"
