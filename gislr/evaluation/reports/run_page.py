"""One page that says all there is to say about how a run recognizes signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gislr.data.store import Store
from gislr.evaluation.figures import quality_figures
from gislr.evaluation.figures import score_figures as figures
from gislr.evaluation.figures.clip_figures import kept_landmarks, strip
from gislr.evaluation.figures.confusion_figure import order_by_confusion
from gislr.evaluation.metrics.calibration import calibration, worst_block
from gislr.evaluation.metrics.clip_predictions import ClipPredictions
from gislr.evaluation.metrics.scores import score
from gislr.evaluation.reports import tables as reports
from gislr.evaluation.reports.html_page import Section, page
from gislr.evaluation.reports.report_files import (
    CONFUSION_PICTURE,
    F1_BY_SIGN,
    LEARNING_CURVES,
    write_reports,
)

if TYPE_CHECKING:
    import pandas as pd

PAGE = "report.html"
"""The page on which an evaluation is read."""

_ENLARGED = 20
_WRONG_SHOWN = 25
_WRONG_DRAWN = 3


def write_evaluation(
    folder: Path,
    predictions: ClipPredictions,
    store: Store,
    *,
    title: str,
    whose: str,
    history: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Writes the tables, the pictures and the page of an evaluation.

    Args:
        folder: Where to write; made when it is not there.
        predictions: Of the clips that are reported.
        store: The data that the clips are of.
        title: The page's heading.
        whose: Whose clips they are.
        history: A value an epoch of every metric.
    """
    write_reports(
        folder,
        labels=predictions.labels,
        probabilities=predictions.probabilities,
        signers=predictions.signers,
        signs=predictions.signs,
        clips=predictions.clips.tolist(),
        history=history,
    )
    text = run_page(title, predictions, pictures=folder, store=store, whose=whose)
    (folder / PAGE).write_text(text, encoding="utf-8")


def run_page(
    title: str,
    predictions: ClipPredictions,
    *,
    pictures: Path,
    store: Store,
    whose: str,
) -> str:
    """Returns the page as HTML that needs no network.

    Args:
        title: The run's name.
        predictions: Of the clips that are reported.
        pictures: Folder into which `write_reports` has drawn.
        store: The data that the clips are of.
        whose: Whose clips they are, for the first sentence.
    """
    labels, probabilities, signs = predictions.labels, predictions.probabilities, predictions.signs
    signers = sorted(set(predictions.signers.tolist()))
    scores = score(labels, probabilities)
    found = calibration(predictions)
    lead = (
        f"{len(predictions):,} clips of {len(signers)} {whose}: accuracy {scores['acc']:.4f}, "
        f"weighted F1 {scores['weighted_f1']:.4f}, macro F1 {scores['macro_f1']:.4f}."
    )
    matrix = reports.confusion_matrix(labels, probabilities, signs)
    per_sign = reports.per_sign(labels, probabilities, signs)
    sections = [Section("Scores", tables=[_scores(scores, found.error)])]
    if curves := _drawn(pictures, LEARNING_CURVES):
        sections.append(Section("Learning curves", images=curves))
    sections += [
        Section("Signs", images=_drawn(pictures, F1_BY_SIGN), tables=[per_sign]),
        _confusions(matrix, pictures),
        Section(
            "Signers",
            "Whoever uses a model is a new signer: the spread between signers is what to expect.",
            figures=[quality_figures.signer_spread(predictions)],
            tables=[reports.per_signer(labels, probabilities, predictions.signers)],
        ),
        Section(
            "Confidence",
            f"Expected calibration error {found.error:.3f}, 15 bins.",
            figures=[quality_figures.reliability({"this run": predictions})],
        ),
        Section("Hard clips", figures=[quality_figures.hardness(predictions, store.most_frames)]),
        _wrong(predictions, store),
    ]
    return page(title, lead, sections)


def _wrong(predictions: ClipPredictions, store: Store) -> Section:
    table = most_confidently_wrong(predictions)
    place = {path: clip for clip, path in enumerate(store.clips.paths.tolist())}
    strips = [
        strip(
            kept_landmarks(store, place[row.clip]),
            f"{row.clip}: {row.true}, taken for {row.predicted} ({row.probability:.0%})",
        )
        for row in table.head(_WRONG_DRAWN).itertuples()
    ]
    text = (
        "Drawn are the frames and landmarks that the model reads. Animate any clip with: "
        "python -m gislr.view CLIP --root DIR"
    )
    return Section("Most confidently wrong", text, figures=strips, tables=[table])


def most_confidently_wrong(predictions: ClipPredictions, most: int = _WRONG_SHOWN) -> pd.DataFrame:
    """Lists the wrong predictions of highest probability."""
    table = reports.predictions(
        predictions.labels,
        predictions.probabilities,
        predictions.signers,
        predictions.signs,
        predictions.clips.tolist(),
    )
    wrong = table[table["true"] != table["predicted"]]
    columns = ["clip", "signer", "true", "predicted", "probability", "probability_of_true"]
    return wrong.sort_values("probability", ascending=False, kind="stable").head(most)[columns]


def confusion_chart(matrix: pd.DataFrame) -> Any:
    """Returns an interactive picture of the confusions: zoom, and point at a cell to read it."""
    import plotly.express as px

    counts = matrix.to_numpy()
    seen = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    order = seen[order_by_confusion(counts[np.ix_(seen, seen)])]
    some = matrix.iloc[order, order]
    shares = some.to_numpy() / np.maximum(some.to_numpy().sum(axis=1, keepdims=True), 1)
    chart = px.imshow(
        np.sqrt(shares),
        x=some.columns.astype(str),
        y=some.index.astype(str),
        color_continuous_scale="Blues",
        aspect="equal",
        width=1000,
        height=950,
    )
    chart.update_traces(
        customdata=np.dstack([some.to_numpy(), np.round(100 * shares, 1)]),
        hovertemplate="true %{y}<br>predicted %{x}<br>%{customdata[0]} clips, "
        "%{customdata[1]}% of the sign's<extra></extra>",
    )
    chart.update_layout(coloraxis_showscale=False, xaxis_title="predicted", yaxis_title="true")
    return chart


def _drawn(pictures: Path, name: str) -> list[tuple[str, bytes]]:
    file = pictures / name
    return [("png", file.read_bytes())] if file.exists() else []


def _confusions(matrix: pd.DataFrame, pictures: Path) -> Section:
    counts = matrix.to_numpy()
    enlarged = []
    seen = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    if len(seen) > 2 * _ENLARGED:
        order = seen[order_by_confusion(counts[np.ix_(seen, seen)])]
        block = worst_block(counts, order, _ENLARGED)
        worst = matrix.iloc[block, block]
        enlarged = [figures.confusion_picture(worst, reports.most_confused(worst))]
    return Section(
        "Confusions",
        "Signs taken for each other stand together. Below, point at a cell to read it.",
        images=_drawn(pictures, CONFUSION_PICTURE),
        figures=enlarged,
        charts=[confusion_chart(matrix)],
        tables=[reports.most_confused(matrix)],
    )


def _scores(scores: Mapping[str, float], error: float) -> pd.DataFrame:
    import pandas as pd

    rows = [*scores.items(), ("calibration_error", error)]
    return pd.DataFrame(rows, columns=["score", "value"])
