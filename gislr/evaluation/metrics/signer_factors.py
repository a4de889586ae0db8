"""By whom a model fails, and what goes with it: hands that were not found, camera, speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gislr.data.store import Store
from gislr.evaluation.metrics.clip_predictions import FEW_SIGNERS, ClipPredictions

if TYPE_CHECKING:
    import pandas as pd

Float64 = NDArray[np.float64]

_DRAWS = 1000
_HAND = "hand"


def signer_factors(predictions: ClipPredictions, store: Store) -> pd.DataFrame:
    """Returns what is known of each signer's clips beside the signer's accuracy.

    Args:
        predictions: The predictions of clips of the store.
        store: The prepared data.

    Returns:
        A row per signer: `signer`, `clips`, `accuracy`, and means over the signer's clips; missing
        where unknown. `frames_per_clip` and `frames_with_hand`, the share of the raw frames in
        which a hand was found; `left_handed`, the share of clips whose dominant hand is the left
        one; `hand_size`, the height and width of the dominant hand together as a fraction of the
        image, which tells how near the camera is; `hand_speed`, by which fraction of the image the
        dominant hand moves from frame to frame.
    """
    import pandas as pd

    index = {path: clip for clip, path in enumerate(store.clips.paths.tolist())}
    clips = np.array([index[path] for path in predictions.clips.tolist()])
    raw = np.where(predictions.raw_frames > 0, predictions.raw_frames, np.nan)
    sizes, speeds = np.array([_size_and_speed(store, clip) for clip in clips.tolist()]).T
    table = pd.DataFrame(
        {
            "signer": predictions.signers,
            "accuracy": (predictions.predicted == predictions.labels).astype(float),
            "frames_per_clip": raw,
            "frames_with_hand": np.where(
                predictions.frames < store.most_frames, predictions.frames / raw, np.nan
            ),
            "left_handed": store.clips.left_dominant[clips].astype(float),
            "hand_size": sizes,
            "hand_speed": speeds,
        }
    )
    by_signer = table.groupby("signer")
    means = by_signer.mean().reset_index()
    means.insert(1, "clips", by_signer.size().to_numpy())
    return means


def correlations(factors: pd.DataFrame) -> pd.DataFrame:
    """Returns how each factor goes with accuracy over signers: Spearman's rank correlation.

    Args:
        factors: As by `signer_factors`.

    Returns:
        A row per factor that differs between signers, the strongest first: `factor`,
        `correlation`, `low` and `high`, its 95% interval with signers resampled, and `signers`, how
        many are known. No row with fewer than 8 signers.
    """
    import pandas as pd

    rows = []
    for name in factors.columns.drop(["signer", "accuracy"]):
        known = factors[[name, "accuracy"]].dropna().to_numpy(np.float64)
        if len(known) < FEW_SIGNERS or np.ptp(known[:, 0]) == 0 or np.ptp(known[:, 1]) == 0:
            continue
        draws = np.random.default_rng(0).integers(len(known), size=(_DRAWS, len(known)))
        low, high = np.nanquantile(_spearman(known[draws]), [0.025, 0.975])
        rows.append((name, float(_spearman(known)), low, high, len(known)))
    table = pd.DataFrame(rows, columns=["factor", "correlation", "low", "high", "signers"])
    return table.sort_values("correlation", key=abs, ascending=False, ignore_index=True)


def _spearman(pairs: Float64) -> Float64:
    """Returns the correlation of the ranks of two columns, [..., rows, 2]; NaN of a constant."""
    from scipy.stats import rankdata

    ranks = rankdata(pairs, axis=-2)
    ranks -= ranks.mean(axis=-2, keepdims=True)
    spread = np.square(ranks).sum(axis=-2).prod(axis=-1)
    product = ranks.prod(axis=-1).sum(axis=-1)
    return product / np.sqrt(np.where(spread > 0, spread, np.nan))


def _size_and_speed(store: Store, clip: int) -> tuple[float, float]:
    """Returns the mean size of a clip's dominant hand and how far it moves from frame to frame."""
    frames = store.frames[store.offsets[clip] : store.offsets[clip + 1]]
    places = store.preprocessing.landmark_set.parts.get(_HAND, slice(0))
    hand = frames[:, places, :2].astype(np.float64)
    hand = hand[~np.isnan(hand).any(axis=(1, 2))]
    if not hand.size:
        return float("nan"), float("nan")
    size = float(np.ptp(hand, axis=1).sum(axis=1).mean())
    steps = np.linalg.norm(np.diff(hand.mean(axis=1), axis=0), axis=1)
    return size, float(steps.mean()) if len(steps) else float("nan")
