"""gislr: train, sweep, compare and ship sign-recognition models from MediaPipe landmarks.

The functions of this module are the commands of the same names. Strings are overrides as on the
command line; keywords are keys. TensorFlow and MLflow are imported by the first call.

Example:
    >>> import gislr
    >>> result = gislr.train("model.units=32", "training.epochs=1")
    >>> 0 <= result.metrics["val_weighted_f1"] <= 1
    True
    >>> gislr.evaluate(result.run_id)["acc"] == result.metrics["val_acc"]
    True
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gislr.inference import Prediction, Recognizer
    from gislr.workflows.cross_validate import CrossValidationResult
    from gislr.workflows.train_one import TrainingResult

    Clip = str | Path | NDArray[np.float32]

__version__ = "1.0.0"
__all__ = ["cross_validate", "evaluate", "load_model", "predict", "train"]


def train(*overrides: str, **keys: Any) -> TrainingResult:
    """Trains one model and tracks it.

    Args:
        overrides: As on the command line, such as `"model.units=64"`.
        keys: Top-level keys; a dictionary is a section.

    Returns:
        The run's id, the metrics of every epoch and the scores of the last one.

    Raises:
        GislrError: The configuration or the data cannot be used.

    Example:
        >>> import gislr
        >>> result = gislr.train("model=transformer", seed=1, training={"epochs": 2})
        >>> len(result.history["val_loss"])
        2
    """
    from gislr.config.composition import compose
    from gislr.config.overrides import to_overrides
    from gislr.workflows.train import train as workflow

    given = [*overrides, *to_overrides(keys)]
    # In place of this process's own command line.
    tags = {"mlflow.note.content": f"`{shlex.join(['gislr', 'train', *given])}`"}
    return workflow(compose("train", *given), tags)


def cross_validate(*overrides: str, **keys: Any) -> CrossValidationResult:
    """Trains on every fold of signers with several seeds, each in a process of its own.

    The same call resumes an interrupted cross-validation.

    Args:
        overrides: As on the command line, such as `"split.folds=10"` or `"seed=range(0,3)"`.
        keys: Top-level keys; a dictionary is a section.

    Returns:
        The run's id, and each metric with its interval over signers.

    Raises:
        GislrError: The configuration or the data cannot be used, or trainings failed.

    Example:
        >>> import gislr
        >>> result = gislr.cross_validate("split.folds=2", "training.epochs=1", seed=0)
        >>> low, high = result.intervals["weighted_f1"]
        >>> low <= result.metrics["weighted_f1"] <= high
        True
    """
    from gislr.config.overrides import to_overrides
    from gislr.workflows.cross_validate import run_cross_validation

    return run_cross_validation([*overrides, *to_overrides(keys)])


def evaluate(run: str | Sequence[str], *overrides: str, **keys: Any) -> dict[str, float]:
    """Evaluates a logged model, on its own data or on other.

    Args:
        run: The id of a run, or several, whose probabilities are averaged.
        overrides: As on the command line, such as `"data=asl_signs"`.
        keys: Top-level keys; a dictionary is a section.

    Returns:
        The value of each metric.

    Raises:
        GislrError: The run cannot be read, or the data does not suit it.

    Example:
        >>> import gislr
        >>> runs = [gislr.train("training.epochs=1", seed=seed).run_id for seed in (1, 2)]
        >>> 0 <= gislr.evaluate(runs)["acc"] <= 1
        True
    """
    from gislr.config.composition import compose
    from gislr.config.overrides import to_overrides
    from gislr.workflows.evaluate import evaluate as workflow

    named = run if isinstance(run, str) else list(run)
    return workflow(compose("evaluate", *overrides, *to_overrides({"run": named, **keys})))


def load_model(model: str, *, tracking_uri: str | None = None) -> Recognizer:
    """Opens a model that recognizes signs in raw landmarks.

    Args:
        model: The id of a run, a registered model such as `models:/gislr@champion`, or a `.tflite`
            file with its label map beside it.
        tracking_uri: Where runs and registered models are kept; the project's own store by default.

    Returns:
        A recognizer; `probabilities` takes clips, float32 [frames, 543, 3] each, NaN where
        MediaPipe found nothing.

    Raises:
        GislrError: There is none of this name.

    Example:
        >>> import gislr
        >>> import numpy as np
        >>> model = gislr.load_model(gislr.train("training.epochs=1").run_id)
        >>> clip = np.random.default_rng(0).random((30, 543, 3), np.float32)
        >>> model.probabilities([clip]).shape == (1, len(model.signs))
        True
    """
    from gislr.config.tracking_settings import TrackingSettings
    from gislr.inference.open_model import open_recognizer

    tracking = TrackingSettings(uri=tracking_uri, experiment="gislr", run_name=None)
    return open_recognizer(tracking, model)


def predict(
    model: str | Recognizer, clips: Clip | Iterable[Clip], *, tracking_uri: str | None = None
) -> list[Prediction]:
    """Names the five most likely signs of clips.

    Args:
        model: A model of `load_model`, or its name.
        clips: Parquet files, folders of them, videos, or landmarks, float32 [frames, 543, 3].
        tracking_uri: Where runs and registered models are kept; the project's own store by default.

    Returns:
        The signs of each clip, the most likely first, and their probabilities.

    Raises:
        GislrError: The model cannot be opened, or a clip cannot be read.

    Example:
        >>> import gislr
        >>> import numpy as np
        >>> run = gislr.train("training.epochs=1").run_id
        >>> clip = np.random.default_rng(0).random((30, 543, 3), np.float32)
        >>> [prediction] = gislr.predict(run, [clip])
        >>> prediction.probabilities[0] >= prediction.probabilities[1]
        True
    """
    from gislr.inference import most_likely
    from gislr.workflows.predict import read_clips

    recognizer = load_model(model, tracking_uri=tracking_uri) if isinstance(model, str) else model
    return most_likely(recognizer, read_clips(clips))


class _Package(ModuleType):
    """Keeps a function where importing a command's module would put the module of its name."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in __all__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
