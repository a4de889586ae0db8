"""Box plots of the landmarks' positions in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import DOMINANT_HAND, LandmarkSet
from gislr.evaluation.figures.canvas import canvas, colors
from gislr.utils.errors import GislrError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_FRAMES = 20_000
_WHISKERS = (1, 99)

_FINGERS = ("thumb", "index", "middle", "ring", "little")
_HAND = ["wrist", *(f"{finger} {joint}" for finger in _FINGERS for joint in range(1, 5))]
_ARM = ["elbow", "wrist", "little finger", "index finger", "thumb"]
_NAMES = {
    "hand": _HAND,
    "other_hand": _HAND,
    "pose": _ARM,
    "other_pose": _ARM,
    "shoulders": ["of the dominant hand", "other"],
}
"""Of the landmarks of a part; those of other parts are numbered."""
_TITLES = {
    "lips": "Lips: position of each landmark (number in the face mesh)",
    "hand": "Dominant hand: position of each landmark (joints from the palm to the tip)",
    "pose": "Dominant arm: position of each landmark",
    "other_hand": "Other hand: position of each landmark (joints from the palm to the tip)",
    "other_pose": "Other arm: position of each landmark",
    "nose": "Nose: position of each landmark (number in the face mesh)",
    "shoulders": "Shoulders: position of each landmark",
    "eye": "Eye of the dominant hand's side: position of each landmark (number in the face mesh)",
    "other_eye": "Other eye: position of each landmark (number in the face mesh of the first)",
}
_LABELS = ("x (fraction of image width)", "y (fraction of image height, from the top)")


def landmark_box_plots(
    frames: NDArray[np.float32], landmarks: LandmarkSet = DOMINANT_HAND, seed: int = 0
) -> dict[str, Figure]:
    """Draws box plots of the x and y of each landmark, one figure per part.

    Boxes show quartiles, whiskers the 1st and the 99th percentile.

    Args:
        frames: float32 [frames, landmarks, 2 or 3], not standardized; NaN is missing
            and left out. A random sample of 20,000 frames is drawn if there are more.
        landmarks: The landmarks' names and parts.
        seed: Of the random sample.

    Returns:
        The figures by part.

    Raises:
        GislrError: There is no frame, or the array has another shape.
    """
    if frames.ndim != 3 or frames.shape[1] != len(landmarks) or frames.shape[2] not in (2, 3):
        raise GislrError(
            f"Frames must have the shape [frames, {len(landmarks)}, 2 or 3]; "
            f"got {list(frames.shape)}."
        )
    if not len(frames):
        raise GislrError("Box plots of landmarks need at least one frame; got none.")
    sample = np.asarray(frames[sampled_frames(len(frames), seed), :, :2], np.float64)
    return {
        part: _draw(part, sample[:, places], landmarks.left[places])
        for part, places in landmarks.parts.items()
    }


def sampled_frames(frames: int, seed: int) -> NDArray[np.int64]:
    """Returns sorted indices, int64: all frames, or a random sample of 20,000."""
    if frames <= _MOST_FRAMES:
        return np.arange(frames)
    chosen = np.random.default_rng(seed).choice(frames, _MOST_FRAMES, replace=False)
    return np.sort(chosen)


def _draw(part: str, values: NDArray[np.float64], rows: NDArray[np.int64]) -> Figure:
    names = _NAMES.get(part) or [str(row) for row in rows]
    present = ~np.isnan(values).all(axis=(1, 2))
    with canvas(max(6.0, 2.0 + 0.26 * len(names)), 7.5) as figure:
        both = figure.subplots(2, 1, sharex=True)
        for axis, (axes, label) in enumerate(zip(both, _LABELS, strict=True)):
            _boxes(axes, values[:, :, axis], colors(2)[axis])
            if not present.any():
                axes.text(0.5, 0.5, "missing in every frame", ha="center", transform=axes.transAxes)
            axes.set(ylabel=label, xlim=(-0.8, len(names) - 0.2))
        # The image's y grows downwards, and so does the plot's.
        both[1].invert_yaxis()
        both[1].set_xticks(range(len(names)), names, rotation=90 if len(names) > 10 else 0)
        both[1].set_xlabel(
            f"{len(values):,} frames, {present.mean():.1%} of them with this part; "
            "whiskers: 1st to 99th percentile"
        )
        figure.suptitle(_TITLES[part])
    return figure


def _boxes(axes: Axes, values: NDArray[np.float64], color: object) -> None:
    axes.boxplot(
        [column[~np.isnan(column)] for column in values.T],
        positions=range(values.shape[1]),
        whis=_WHISKERS,
        showfliers=False,
        widths=0.7,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": color, "edgecolor": "0.3", "linewidth": 0.7},
        medianprops={"color": "black"},
        whiskerprops={"color": "0.3"},
        capprops={"color": "0.3"},
    )
    axes.grid(visible=False, axis="x")
