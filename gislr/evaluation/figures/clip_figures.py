"""Figures of a clip's landmarks: an animation and a strip of frames."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import (
    LANDMARKS_PER_FRAME,
    LEFT_ARM,
    LEFT_HAND,
    LIPS,
    RIGHT_ARM,
    RIGHT_HAND,
    SHOULDERS,
    LandmarkSet,
)
from gislr.data.store import Store
from gislr.evaluation.figures.canvas import canvas, colors, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float32 = NDArray[np.float32]
Rows = NDArray[np.int64]

_OUTER_LIP, _INNER_LIP = LIPS[[*range(11), *range(19, 10, -1), 0]], LIPS[20:]
_FINGERS = [[0, *range(first, first + 4)] for first in (1, 5, 9, 13, 17)]
_PALM = [5, 9, 13, 17]
_ARM = [[0, 1], [1, 2], [1, 3], [1, 4]]
_MARGIN = 0.05
_MOST_FRAMES = 200
_FRAMES_PER_SECOND = 15

_ICONS = {
    "minus": "-",
    "fast-backward": "⏮",
    "step-backward": "⏪",
    "play fa-flip-horizontal": "◀",
    "pause": "⏸",
    "play": "▶",
    "step-forward": "⏩",
    "fast-forward": "⏭",
    "plus": "+",
}
"""Of the buttons of an animation, by Matplotlib's names."""


def _side(name: str, hand: Rows, arm: Rows, shoulder: Rows) -> dict[str, list[Rows]]:
    return {
        f"{name} hand": [*(hand[finger] for finger in _FINGERS), hand[_PALM]],
        f"{name} arm": [*(arm[bone] for bone in _ARM), np.append(shoulder, arm[0])],
    }


LINES = {
    "lips": [_OUTER_LIP, _INNER_LIP[:11], _INNER_LIP[11:]],
    **_side("left", LEFT_HAND, LEFT_ARM, SHOULDERS[:1]),
    **_side("right", RIGHT_HAND, RIGHT_ARM, SHOULDERS[1:]),
}
"""The lines to draw: by part, chains of landmarks (rows of a frame)."""

DRAWN = np.unique(np.concatenate([chain for part in LINES.values() for chain in part]))
"""The landmarks of the lines."""


def kept_landmarks(store: Store, clip: int) -> Float32:
    """Returns the kept frames of a clip, see `whole_frames`."""
    frames = store.frames[store.offsets[clip] : store.offsets[clip + 1]]
    return whole_frames(
        frames,
        store.preprocessing.landmark_set,
        left_dominant=bool(store.clips.left_dominant[clip]),
    )


def whole_frames(frames: Float32, kept: LandmarkSet, *, left_dominant: bool) -> Float32:
    """Returns prepared frames as float32 [frames, 543, 3]; NaN for other landmarks.

    Landmarks of right-handed clips that preparation mirrored are mirrored back.

    Args:
        frames: float32 [frames, landmarks, axes], NaN for missing landmarks.
        kept: The landmarks that preparation keeps.
        left_dominant: Whether the left hand is the dominant one.
    """
    axes = frames.shape[-1]
    landmarks = np.full((len(frames), LANDMARKS_PER_FRAME, 3), np.nan, np.float32)
    found = frames.copy()
    if not left_dominant:
        found[:, kept.is_mirrored, 0] = 1 - found[:, kept.is_mirrored, 0]
    landmarks[:, kept.left if left_dominant else kept.right, :axes] = found
    return landmarks


def strip(clips: Mapping[str, Float32], title: str, frames: int = 8) -> Figure:
    """Draws evenly spaced frames of a clip, or of several versions of it, one row per version.

    Args:
        clips: By name, float32 [frames, 543, 3], NaN where nothing was found; the axes have the
            same scale.
        title: Of the figure.
        frames: Number of frames drawn, at most that of the longest version.
    """
    columns = min(frames, max(map(len, clips.values())))
    everything = np.concatenate(list(clips.values()))
    with canvas(1.75 * columns, 1.9 * len(clips) + 0.5) as figure:
        rows = figure.subplots(len(clips), columns, squeeze=False)
        for row, (name, landmarks) in zip(rows, clips.items(), strict=True):
            shown = np.linspace(0, len(landmarks) - 1, columns).round().astype(int)
            for axes, frame in zip(row, shown, strict=True):
                _prepare(axes, everything)
                _draw(axes, landmarks[frame])
                axes.set_title(f"frame {frame + 1}", fontsize=8)
            row[0].set_ylabel(f"{name}\n{len(landmarks)} frames".strip(), fontsize=8)
        figure.suptitle(short_name(title, 90))
    return figure


def animation(landmarks: Float32, title: str) -> tuple[bytes, str]:
    """Animates a clip.

    Args:
        landmarks: float32 [frames, 543, 3]; evenly spaced frames are drawn of very long clips.
        title: Of the animation.

    Returns:
        A GIF, and self-contained HTML with a slider.
    """
    from matplotlib import rc_context
    from matplotlib.animation import FuncAnimation, PillowWriter

    count = min(len(landmarks), _MOST_FRAMES)
    shown = np.linspace(0, len(landmarks) - 1, count).round().astype(int)
    with canvas(4.2, 4.6, 80) as figure:
        axes = figure.subplots()
        _prepare(axes, landmarks)

        def update(k: int) -> list[Any]:
            for line in list(axes.lines):
                line.remove()
            _draw(axes, landmarks[shown[k]])
            axes.set_title(f"{short_name(title, 40)}  {shown[k] + 1}/{len(landmarks)}", fontsize=9)
            return list(axes.lines)

        moving = FuncAnimation(figure, update, frames=count, interval=1000 // _FRAMES_PER_SECOND)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "clip.gif"
            moving.save(file, writer=PillowWriter(fps=_FRAMES_PER_SECOND))
            gif = file.read_bytes()
        with rc_context({"animation.embed_limit": 100}):
            return gif, _self_contained(moving.to_jshtml(fps=_FRAMES_PER_SECOND))


def _self_contained(html: str) -> str:
    """Replaces Matplotlib's icons, which it fetches from an outside address, by characters."""
    html = re.sub(r"<link[^>]+>", "", html)
    return re.sub(r'<i class="fa fa-([^"]+)"></i>', lambda found: _ICONS[found[1]], html)


def _prepare(axes: Axes, landmarks: Float32) -> None:
    points = landmarks[:, DRAWN, :2].reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        points = np.array([[0, 0], [1, 1]])
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-3) * (1 + _MARGIN)
    axes.set(
        xlim=(middle[0] - half, middle[0] + half),
        ylim=(middle[1] + half, middle[1] - half),
        aspect="equal",
        xticks=[],
        yticks=[],
    )
    axes.grid(visible=False)


def _draw(axes: Axes, frame: Float32) -> None:
    shades = dict(zip(LINES, colors(5), strict=True))
    for part, chains in LINES.items():
        for chain in chains:
            x, y = frame[chain, 0], frame[chain, 1]
            size = 0 if part == "lips" else 1.8
            axes.plot(x, y, color=shades[part], linewidth=1.2, marker="o", markersize=size)
