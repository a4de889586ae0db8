"""What a final run rests on: scores of a run that held signers out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    from gislr.tracking.run_reader import LoggedRun

_PREFIXES = ("cv_", "val_", "best_val_")
_JUDGED_BY = ("cv_weighted_f1", "val_weighted_f1", "best_val_weighted_f1")


@dataclass(frozen=True)
class Evidence:
    """Scores on signers held out.

    Attributes:
        run_id: The run that was validated.
        name: Its name.
        protocol: On whom, in words that are equal for scores that can be compared.
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
            GislrError: It has none: nobody was held out.
        """
        scores = {name: value for name, value in run.metrics.items() if name.startswith(_PREFIXES)}
        if not scores:
            raise GislrError(
                f"A final run must rest on scores of held-out signers, and run {run.run_id} has "
                "none; validate its configuration first, for instance with gislr.cross_validate."
            )
        training = run.training()
        if "cv_weighted_f1" in scores:
            folds = getattr(training.configuration().split, "folds", "several")
            protocol = f"cross-validation of {folds} folds"
        else:
            chosen = "chosen by a sweep on" if training.was_chosen() else "held out"
            protocol = f"{chosen} signers {training.tags.get('held_out_signers', 'unknown')}"
        fingerprint = training.tags.get("data.fingerprint", "unknown")
        return cls(run.run_id, run.name, protocol, fingerprint, scores)

    @property
    def weighted_f1(self) -> float:
        """The weighted F1 by which models are compared; NaN where it was not logged."""
        return next((self.scores[name] for name in _JUDGED_BY if name in self.scores), float("nan"))

    def __str__(self) -> str:
        text = f"weighted F1 {self.weighted_f1:.4f}"
        if "cv_weighted_f1_low" in self.scores:
            low, high = self.scores["cv_weighted_f1_low"], self.scores["cv_weighted_f1_high"]
            text += f" ({low:.4f} to {high:.4f})"
        shown = self.protocol if len(self.protocol) < 80 else f"{self.protocol[:77]}..."
        return f"{text}, {shown}"
