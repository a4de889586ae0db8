"""What a model card says of scores: on whose clips, how good, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

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
from gislr.tracking.tracking_store import TrackingError
from gislr.tracking.training_record import SWEEP
from gislr.utils.markdown import bullets, code, codes, table

_MOST_NAMED = 5


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
            None if nothing was held out, or the run kept no predictions, as older ones.
        """
        while "cv_weighted_f1" not in run.metrics and (best := run.tags.get("best.run_id")):
            run = LoggedRun.of(run.client, best)
        held_out = run.training().held_out()
        if not held_out.groups:
            return None
        try:
            return cls(run, held_out, run.predictions())
        except TrackingError:
            return None

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
        lines = [
            self._by_signer(),
            *self._by_sign(),
            self._calibration(temperature),
            self._rejection(temperature, threshold),
            self._test(),
        ]
        return "\n\n".join([self._clips(), self._scores(), bullets(lines)])

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
        ends = {name: f"{found.low:.3f} to {found.high:.3f}" for name, found in intervals.items()}
        rows = [
            (title, f"{np.mean([s.score(name)[name] for s in self.seeds]):.3f}", ends.get(name, ""))
            for title, name in SCORE_TITLES.items()
            if name != "top_5_acc" or len(first.signs) > 5
        ]
        clips = np.bincount(first.labels)
        return (
            f"{table(['score', 'value', '95% interval'], rows)}\n\n"
            f"Intervals are {first.intervals_over}. Always naming the most frequent sign here, "
            f"{code(first.signs[clips.argmax()])}, is right in {clips.max() / len(first):.1%}."
        )

    def _by_signer(self) -> str | None:
        first = self.seeds[0]
        if not first.signers_known or len(first.signer_names) < 2:
            return None
        tables = [per_signer(each) for each in self.seeds]
        accuracy = mean_over(tables, "signer", "accuracy")["accuracy"]
        return (
            f"**By signer:** accuracy {accuracy.min():.2f} to {accuracy.max():.2f}, median "
            f"{accuracy.median():.2f}"
        )

    def _by_sign(self) -> list[str]:
        columns = ["sign", "f1", "support"]
        every = mean_over([per_sign(each)[columns] for each in self.seeds], "sign", "f1")
        found, lacking = every.dropna(), every[every["f1"].isna()]["sign"].tolist()
        count = min(_MOST_NAMED, len(found) // 2)
        lines = [f"**No clips here** of {codes(lacking)}"] if lacking else []
        for which, rows in ("Worst", found.head(count)), ("Best", found[::-1].head(count)):
            signs = [f"{code(r.sign)} {r.f1:.2f} ({r.support:.0f})" for r in rows.itertuples()]
            lines[:0] = [f"**{which} signs**, F1 (clips): {', '.join(signs)}"] if signs else []
        return lines

    def _calibration(self, temperature: float) -> str:
        raw = np.mean([calibration(each).error for each in self.seeds])
        scaled = np.mean([calibration(calibrated_by_others(each)).error for each in self.seeds])
        others = "signers" if self.seeds[0].signers_known else "clips"
        return (
            f"**Calibration:** logits are divided by a temperature of {temperature:.2f}. The "
            f"expected calibration error is {raw:.3f} without a temperature and {scaled:.3f} with "
            f"one that other {others} gave"
        )

    def _rejection(self, temperature: float, threshold: float) -> str | None:
        if not threshold:
            return None
        scaled = [at_temperature(each, temperature) for each in self.seeds]
        found = [judge_rejection(each, threshold) for each in scaled]

        def share(name: str) -> str:
            known = [value for each in found if not isnan(value := getattr(each, name))]
            return percent(sum(known) / len(known) if known else nan)

        return (
            f'**"Not sure":** an answer whose probability is below {threshold:.3f} '
            f"({code(REJECTION)}). This keeps {share('right_kept')} of the right answers here and "
            f"{share('wrong_kept')} of the wrong ones; of the answers kept, {share('error')} are "
            "wrong"
        )

    def _test(self) -> str | None:
        found = self.run.metrics
        if "test_acc" not in found:
            return None
        return (
            "**On the test split** of the data: accuracy "
            f"{found['test_acc']:.3f}, weighted F1 {found['test_weighted_f1']:.3f}"
        )
