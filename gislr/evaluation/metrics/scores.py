"""Scores of a model's predictions: the loss and every registered metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gislr.utils.errors import GislrError, SettingError
from gislr.utils.registry import Registry

Labels = NDArray[np.int32]
Float32 = NDArray[np.float32]
Function = TypeVar("Function", bound=Callable[[Labels, Float32], float])

LOSS = "loss"

_SMALLEST_PROBABILITY = 1e-7
# bfloat16 rounds each probability by up to 0.2%, so rows add up to 1 only roughly.
_SUM_TOLERANCE = 0.02


class Metric(NamedTuple):
    """A registered metric.

    Attributes:
        compute: Takes labels, int32 [clips], and probabilities, float32 [clips, signs].
        lower_is_better: Whether lower values are better.
    """

    compute: Callable[[Labels, Float32], float]
    lower_is_better: bool


METRICS: Registry[Metric] = Registry("metric", "gislr.evaluation.metrics")
"""Metrics by name; those of other packages come from the entry points `gislr.metric`."""


def metric(name: str, *, lower_is_better: bool = False) -> Callable[[Function], Function]:
    """Returns a decorator that registers a metric.

    Example:
        >>> from gislr.evaluation.metrics.scores import metric
        >>> @metric("brier_score", lower_is_better=True)  # doctest: +SKIP
        ... def brier_score(labels, probabilities):
        ...     targets = np.eye(probabilities.shape[1])[labels]
        ...     return float(((probabilities - targets) ** 2).sum(axis=1).mean())
    """

    def add(function: Function) -> Function:
        METRICS.register(name)(Metric(function, lower_is_better))
        return function

    return add


def score_names() -> tuple[str, ...]:
    """Returns the keys of `score`: `loss`, then the registered metrics, sorted."""
    return (LOSS, *METRICS.names())


def lower_is_better(name: str) -> bool:
    """Tells whether lower values of a score are better."""
    return name == LOSS or METRICS[name].lower_is_better


def score(
    labels: Labels,
    probabilities: Float32,
    label_smoothing: float = 0.0,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """Scores predictions.

    The predicted sign is the one of highest probability, the first of them where several are equal.

    Args:
        labels: int32 [clips], the true signs.
        probabilities: float32 [clips, signs], each row adding up to 1.
        label_smoothing: Of the loss, as in `keras.losses.CategoricalCrossentropy`.
        names: The scores to compute; all of `score_names` if None.

    Returns:
        A value for each name.

    Raises:
        GislrError: An array is empty, of another shape, or holds invalid values.
        SettingError: The label smoothing is not from 0 to below 1, or a name is unknown.

    Example:
        >>> import numpy as np
        >>> from gislr.evaluation.metrics.scores import score
        >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
        >>> score(np.array([0, 1], np.int32), probabilities)["acc"]
        0.5
    """
    check_predictions(labels, probabilities)
    return {
        name: cross_entropy(labels, probabilities, label_smoothing)
        if name == LOSS
        else METRICS[name].compute(labels, probabilities)
        for name in (score_names() if names is None else names)
    }


def cross_entropy(labels: Labels, probabilities: Float32, label_smoothing: float) -> float:
    """Returns the mean categorical cross-entropy in nats, computed in float64.

    Probabilities are normalized to add up to 1 and clipped to 1e-7 and 1 - 1e-7, as Keras does.

    Raises:
        SettingError: The label smoothing is not from 0 to below 1.
    """
    if not 0 <= label_smoothing < 1:
        raise SettingError(
            f"The label smoothing must be at least 0 and below 1; got {label_smoothing}."
        )
    logs = probabilities.astype(np.float64)
    logs /= logs.sum(axis=1, keepdims=True)
    np.clip(logs, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY, out=logs)
    np.log(logs, out=logs)
    of_true = np.take_along_axis(logs, labels[:, None], axis=1).mean()
    return float(-(1 - label_smoothing) * of_true - label_smoothing * logs.mean())


def check_predictions(labels: Labels, probabilities: Float32) -> None:
    """Raises a GislrError unless the arrays are labels and probabilities of the same clips."""
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise GislrError(
            "Labels must have the shape [clips] and probabilities [clips, signs]; "
            f"got {list(labels.shape)} and {list(probabilities.shape)}."
        )
    check_labels(labels, probabilities.shape[1])
    if not np.isfinite(probabilities).all():
        count = np.count_nonzero(~np.isfinite(probabilities).all(axis=1))
        raise GislrError(
            f"Probabilities must be finite; {count} of {len(labels)} clips have NaN or infinity, "
            "which a diverged training produces: lower its learning rate."
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    if probabilities.min() < 0 or np.abs(sums - 1).max() > _SUM_TOLERANCE:
        raise GislrError(
            "Each clip's probabilities must be at least 0 and add up to 1; "
            f"got values from {probabilities.min():.3g} and sums of {sums.min():.3g} to "
            f"{sums.max():.3g}: apply a softmax to logits first."
        )


def check_labels(labels: Labels, signs: int) -> None:
    """Raises a GislrError unless there are labels, all of them indices of signs."""
    if not len(labels):
        raise GislrError("At least one clip is needed to compute scores; got none.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise GislrError(f"Labels must be whole numbers; got {labels.dtype}.")
    if labels.min() < 0 or labels.max() >= signs:
        raise GislrError(
            f"Labels must be 0 to {signs - 1}, the indices of {signs} signs; "
            f"got {labels.min()} to {labels.max()}."
        )
