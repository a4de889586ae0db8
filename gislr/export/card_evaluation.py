"""What a model card says of scores: on whose clips, how good, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gislr.data.held_out import LISTED, SIGNER, HeldOut
from gislr.evaluation.metrics.calibration import at_temperature, calibrated_by_others, calibration
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.folds import mean_over
from gislr.evaluation.metrics.intervals import score_intervals
from gislr.evaluation.metrics.rejection import judge_rejection, percent
from gislr.evaluation.metrics.tables import per_sign, per_signer
from gislr.evaluation.reports.summary import SCORE_TITLES
from gislr.inference.litert_recognizer import REJECTION
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.training_record import SWEEP
from gislr.utils.markdown import bullets, code, codes, table

_BEST_SHOWN = 5


@dataclass(frozen=True)
class CardEvaluation:
    """The evaluation that a model card rests on.

    Attributes:
        run: A training, or a cross-validation of its settings.
        held_out: What the training, or one fold, held out.
        seeds: By seed, the predictions of the clips held out.
    """

    run: LoggedRun
    held_out: HeldOut
    seeds: Sequence[ClipPredictions]

    @classmethod
    def of_run(cls, run: LoggedRun) -> CardEvaluation | None:
        """Reads the evaluation of a training, a cross-validation or a sweep's best trial.

        Returns:
            None if nothing was held out.

        Raises:
            TrackingError: The run recorded no predictions.
        """
        while "cv_weighted_f1" not in run.metrics and (best := run.tags.get("best.run_id")):
            run = LoggedRun.of(run.client, best)
        held_out = run.training().held_out()
        return cls(run, held_out, run.predictions()) if held_out.groups else None

    @property
    def new_signers(self) -> bool:
        """Whether no signer of its clips was trained on."""
        return self.held_out.column == SIGNER

    def markdown(self, temperature: float, threshold: float) -> str:
        """Returns scores with intervals, signs, calibration and rejection.

        Args:
            temperature: Of the model's probabilities.
            threshold: Predictions of a lower probability are not sure.
        """
        return "\n\n".join(
            [
                self._clips(),
                self._scores(),
                bullets(
                    [
                        self._by_signer(),
                        *self._by_sign(),
                        self._calibration(temperature),
                        self._rejection(temperature, threshold),
                        self._test(),
                    ]
                ),
            ]
        )

    def limitations(self) -> list[str]:
        """Returns in which ways the scores say less than they seem to."""
        first = self.seeds[0]
        found = []
        if self.run.was_chosen():
            found.append(
                "A sweep chose the settings by their scores on these clips, so the scores are "
                "optimistic."
            )
        if not first.signers_known:
            found.append(
                "The data does not say who signs: people of the evaluation may have been trained "
                "on. Expect lower scores for new signers."
            )
        elif not self.new_signers:
            found.append(
                f"Clips were held out by {code(self.held_out.column)}, not by signer: people of "
                "the evaluation may have been trained on. Expect lower scores for new signers."
            )
        return found

    def _clips(self) -> str:
        first, column = self.seeds[0], self.held_out.column
        clips = f"{len(first):,} clips of {first.signer_count}"
        if SWEEP in self.run.tags:
            each = "each signer" if self.new_signers else f"each {code(column)}"
            seeds = f", mean of {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
            text = (
                f"**Cross-validation on {clips}{seeds}.** In turn, {each} was held out from the "
                "training and only evaluated"
            )
        elif self.new_signers:
            text = f"**Evaluated on {clips} who were held out from the training**"
        elif column == LISTED:
            text = (
                f"**Evaluated on {clips}, which the data lists as {codes(self.held_out.groups)}**"
            )
        else:
            groups = codes(self.held_out.groups)
            text = (
                f"**Evaluated on {clips}, held out from the training** by {code(column)}: {groups}"
            )
        return f"{text}: {codes(first.signer_names)}." if self.new_signers else f"{text}."

    def _scores(self) -> str:
        intervals, first = score_intervals(self.seeds), self.seeds[0]
        rows = [
            (
                title,
                f"{np.mean([each.score(name)[name] for each in self.seeds]):.3f}",
                f"{intervals[name].low:.3f} to {intervals[name].high:.3f}"
                if name in intervals
                else "",
            )
            for title, name in SCORE_TITLES.items()
            if name != "top_5_acc" or len(first.signs) > 5
        ]
        return (
            f"{table(['score', 'value', '95% interval'], rows)}\n\n"
            f"Intervals are {first.intervals_over}. "
            f"A guess among the {len(first.signs)} signs is right in {1 / len(first.signs):.1%}."
        )

    def _by_signer(self) -> str | None:
        first = self.seeds[0]
        if not first.signers_known or len(first.signer_names) < 2:
            return None
        accuracy = mean_over([per_signer(each) for each in self.seeds], "signer", "accuracy")[
            "accuracy"
        ]
        return (
            f"**By signer:** accuracy {accuracy.min():.2f} to {accuracy.max():.2f}, median "
            f"{accuracy.median():.2f}"
        )

    def _by_sign(self) -> list[str]:
        columns = ["sign", "f1"]
        found = mean_over([per_sign(each)[columns] for each in self.seeds], "sign", "f1").dropna()
        count = min(_BEST_SHOWN, len(found) // 2)
        ends = {"Best": found[::-1].head(count), "Worst": found.head(count)}
        return [
            f"**{which} signs (F1):** "
            + ", ".join(f"{code(row.sign)} {row.f1:.2f}" for row in rows.itertuples())
            for which, rows in ends.items()
            if count
        ]

    def _calibration(self, temperature: float) -> str:
        raw, scaled = (
            np.mean([calibration(each).error for each in several])
            for several in (self.seeds, map(calibrated_by_others, self.seeds))
        )
        others = "signers" if self.seeds[0].signers_known else "clips"
        return (
            f"**Calibration:** logits are divided by a temperature of {temperature:.2f}. The "
            f"expected calibration error is {raw:.3f} without a temperature and {scaled:.3f} with "
            f"one that other {others} gave"
        )

    def _rejection(self, temperature: float, threshold: float) -> str | None:
        if not threshold:
            return None
        found = [
            judge_rejection(at_temperature(each, temperature), threshold) for each in self.seeds
        ]
        right, wrong, error = (
            percent(float(np.mean([getattr(each, name) for each in found])))
            for name in ("right_kept", "wrong_kept", "error")
        )
        return (
            f'**"Not sure":** an answer whose probability is below {threshold:.3f} '
            f"({code(REJECTION)}). This keeps {right} of the right answers here and "
            f"{wrong} of the wrong ones; of the answers kept, {error} are wrong"
        )

    def _test(self) -> str | None:
        found = self.run.metrics
        if "test_acc" not in found:
            return None
        return (
            "**Test split** of the data, which chose nothing: accuracy "
            f"{found['test_acc']:.3f}, weighted F1 {found['test_weighted_f1']:.3f}"
        )
