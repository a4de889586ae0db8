from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from gislr.data.landmarks import DOMINANT_HAND
from gislr.evaluation.figures.canvas import short_name
from gislr.evaluation.figures.confusion_figure import confusion_figure
from gislr.evaluation.figures.data_figures import landmark_box_plots
from gislr.evaluation.figures.score_figures import f1_by_sign, learning_curves
from gislr.evaluation.metrics.confusion import (
    confusion_matrix,
    most_confused,
    sort_by_confusion,
)
from gislr.evaluation.metrics.tables import per_sign
from gislr.utils.errors import GislrError
from tests.test_evaluation import clip_predictions


def png(figure) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib warns where text leaves no room for the axes.
        warnings.simplefilter("error")
        figure.savefig(target, format="png")
    return target.getvalue()


def made_up(signs: int, clips: int, present: int | None = None):
    rng = np.random.default_rng(7)
    labels = rng.integers(0, present or signs, clips).astype(np.int32)
    scores = rng.random((clips, signs)).astype(np.float32) ** 8
    scores[np.arange(clips), labels] += 0.6
    names = [f"sign {number}" for number in range(signs)]
    return labels, scores / scores.sum(axis=1, keepdims=True), names


def drawn_confusions(matrix):
    return confusion_figure(sort_by_confusion(matrix), most_confused(matrix))


def panels(figure: Any) -> list[Any]:
    return list(figure.axes)


def renderer_of(figure: Any) -> Any:
    return figure.canvas.get_renderer()


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_bars_name_every_sign_with_clips_worst_first():
    labels, probabilities, names = made_up(70, 400, present=60)
    report = per_sign(clip_predictions(labels, probabilities, names))
    figure = f1_by_sign(report)
    shown = [label.get_text() for axes in panels(figure) for label in axes.get_yticklabels()]
    assert shown == report["sign"].tolist()[:60]
    widths = [bar.get_width() for axes in panels(figure) for bar in axes.patches]
    assert widths == report["f1"].tolist()[:60]
    assert "10 signs without clips left out" in figure.get_suptitle()


@pytest.mark.slow
def test_bars_of_many_signs_do_not_overlap():
    labels, probabilities, names = made_up(120, 1500)
    figure = f1_by_sign(per_sign(clip_predictions(labels, probabilities, names)))
    assert len(png(figure)) < 1_000_000
    renderer = renderer_of(figure)
    for axes in panels(figure):
        boxes = [label.get_window_extent(renderer) for label in axes.get_yticklabels()]
        assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
        assert min(box.x0 for box in boxes) >= 0


def test_confusions_of_few_signs_are_annotated_with_counts():
    labels, probabilities, names = made_up(8, 100)
    matrix = confusion_matrix(clip_predictions(labels, probabilities, names))
    figure = drawn_confusions(matrix)
    picture = panels(figure)[0]
    counts = matrix.to_numpy()
    assert sorted(map(int, words(picture))) == sorted(counts[counts > 0].tolist())
    rows = [label.get_text() for label in picture.get_yticklabels()]
    assert rows == [label.get_text() for label in picture.get_xticklabels()]
    assert sorted(rows) == sorted(names)
    shares = np.ma.filled(picture.collections[0].get_array(), 0).reshape(8, 8)
    order = [names.index(row) for row in rows]
    expected = counts[np.ix_(order, order)] / counts[order].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected)


def test_confusions_leave_out_signs_that_never_occur():
    labels, probabilities, names = made_up(100, 3)
    matrix = confusion_matrix(clip_predictions(labels, probabilities, names))
    seen = set(labels.tolist()) | set(probabilities.argmax(axis=1).tolist())
    picture = panels(drawn_confusions(matrix))[0]
    assert {label.get_text() for label in picture.get_yticklabels()} == {names[s] for s in seen}


@pytest.mark.slow
def test_confusions_of_250_signs_list_the_worst_pairs():
    labels, probabilities, names = made_up(250, 3000)
    matrix = confusion_matrix(clip_predictions(labels, probabilities, names))
    pairs = most_confused(matrix)
    figure = drawn_confusions(matrix)
    assert len(png(figure)) < 1_000_000
    assert not words(panels(figure)[0])
    (table,) = (table for axes in panels(figure) for table in axes.tables)
    assert table[1, 0].get_text().get_text() == pairs["true_sign"][0]
    assert table[1, 2].get_text().get_text() == str(pairs["clips"][0])
    bottom = table.get_window_extent(renderer_of(figure)).y0
    assert bottom >= 0


@pytest.mark.parametrize("signs", [1, 2])
def test_one_sign_or_two_can_be_drawn(signs):
    labels, probabilities, names = made_up(max(signs, 2), 20, present=1 if signs == 1 else None)
    matrix = confusion_matrix(clip_predictions(labels, probabilities, names))
    assert png(drawn_confusions(matrix))
    assert png(f1_by_sign(per_sign(clip_predictions(labels, probabilities, names))))


def order_by_confusion(counts):
    return sort_by_confusion(pd.DataFrame(counts)).index.to_numpy()


def test_order_puts_confused_signs_together():
    groups = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    counts = np.where(groups[:, None] == groups, 5, 0)
    ordered = groups[order_by_confusion(counts)]
    assert np.count_nonzero(np.diff(ordered)) == 2


@pytest.mark.parametrize("pairs", [[(0, 3), (1, 4), (2, 5)], [(3, 0), (4, 1), (5, 2)]])
def test_signs_confused_one_way_only_stand_together(pairs):
    counts = np.eye(6, dtype=np.int64)
    for true, predicted in pairs:
        counts[true, predicted] = 4
    place = np.argsort(order_by_confusion(counts))
    assert all(abs(place[one] - place[other]) == 1 for one, other in pairs)


def test_odd_names_are_drawn_as_they_are():
    labels, probabilities, _ = made_up(4, 60)
    names = [r"$\frac{1}$", "costs $5 or $6", "two\nlines\tand more", "w" * 500]
    matrix = confusion_matrix(clip_predictions(labels, probabilities, names))
    bars = f1_by_sign(per_sign(clip_predictions(labels, probabilities, names)))
    picture = drawn_confusions(matrix)
    assert png(bars)
    assert png(picture)
    shown = {label.get_text() for label in panels(bars)[0].get_yticklabels()}
    assert shown == {r"$\frac{1}$", "costs $5 or $6", "two lines and more", "w" * 21 + "…"}


def test_short_name_keeps_what_fits():
    assert short_name("x" * 22) == "x" * 22
    assert short_name("airplane", longest=5) == "airp…"


def test_learning_curves_show_what_was_measured():
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 1.5, 2.0], "lr": [1.0, 1.0, 1.0]}
    (axes,) = panels(learning_curves(history))
    training, validation, best = axes.lines
    assert training.get_xdata().tolist() == [1, 2, 3]
    assert training.get_ydata().tolist() == [3, 2, 1]
    assert validation.get_ydata().tolist() == [3, 1.5, 2]
    assert best.get_label() == "best validation: 1.500, epoch 2"


def test_best_accuracy_is_the_highest_and_nan_is_a_gap():
    figure = learning_curves({"acc": [0.1, 0.2, 0.3], "val_acc": [0.2, float("nan"), 0.1]})
    assert panels(figure)[0].lines[-1].get_label() == "best validation: 0.200, epoch 1"
    assert png(figure)


def test_history_without_curves_is_refused():
    with pytest.raises(GislrError, match="got lr"):
        learning_curves({"lr": [0.1]})


def test_box_plots_leave_missing_values_out():
    rng = np.random.default_rng(5)
    frames = rng.uniform(0.2, 0.4, (300, 66, 3)).astype(np.float32)
    frames[::2, DOMINANT_HAND.parts["hand"]] = np.nan
    frames[1, DOMINANT_HAND.parts["hand"]] = np.nan
    before = frames.copy()
    figures = landmark_box_plots(frames)
    np.testing.assert_array_equal(frames, before)
    assert list(figures) == list(DOMINANT_HAND.parts)
    for part, figure in figures.items():
        places = DOMINANT_HAND.parts[part]
        assert len(panels(figure)) == 2
        for axis, axes in enumerate(panels(figure)):
            assert len(axes.patches) == places.stop - places.start
            box = axes.patches[0]
            values = frames[:, places.start, axis]
            values = values[~np.isnan(values)]
            quartiles = np.percentile(values, [25, 75])
            shown = [box.get_y(), box.get_y() + box.get_height()]
            np.testing.assert_allclose(shown, quartiles, rtol=1e-5)
    assert "300 frames, 49.7% of them with this part" in panels(figures["hand"])[1].get_xlabel()


@pytest.mark.slow
def test_box_plots_of_a_part_that_is_never_there():
    frames = np.full((4, 66, 2), 0.5, np.float32)
    frames[:, DOMINANT_HAND.parts["lips"]] = np.nan
    figure = landmark_box_plots(frames)["lips"]
    assert words(panels(figure)[0]) == ["missing in every frame"]


@pytest.mark.parametrize("shape", [(0, 66, 3), (5, 65, 3), (5, 66, 4), (66, 3)])
def test_frames_of_another_shape_are_refused(shape):
    with pytest.raises(GislrError, match=r"shape|at least one frame"):
        landmark_box_plots(np.zeros(shape, np.float32))


def test_no_style_or_window_is_left_behind():
    import matplotlib.pyplot as plt

    with mpl.rc_context({"axes.facecolor": "pink", "font.size": 33}):
        before = dict(mpl.rcParams)
        learning_curves({"loss": [1.0]})
        assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.slow
def test_figures_need_neither_display_nor_home(tmp_path):
    code = (
        "from gislr.evaluation.figures.score_figures import learning_curves; "
        "learning_curves({'loss': [2.0, 1.0]}).savefig('curves.png')"
    )
    kept = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=kept, check=True)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
