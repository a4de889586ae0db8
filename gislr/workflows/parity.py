"""Recomputes reference results and reports the largest differences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from gislr.data.landmark_statistics import Statistics
from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.data.preprocessing import pad, preprocess, reference
from gislr.models import build_model, layout_of
from gislr.models.transformer import Transformer
from gislr.utils.errors import DataError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command

Arrays = Mapping[str, NDArray[Any]]

EXACT = 1e-5
TRAINED = 1e-4


@dataclass(frozen=True)
class Case:
    """One comparison: its largest absolute difference, and the most that it may be."""

    name: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is a number within the tolerance."""
        return self.difference <= self.tolerance


def read_cases(path: Path) -> Arrays:
    """Reads a file of reference results; nothing is unpickled.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except Exception as error:  # NumPy and zipfile raise errors of a dozen kinds
        raise DataError(f"{path} must be an .npz file of numbers; {error}") from None


def check(arrays: Arrays, path: Path) -> Iterator[Case]:
    """Recomputes whatever a file holds.

    Raises:
        DataError: It holds neither clips nor a transformer, or lacks an array.
    """
    try:
        if "landmark_columns" in arrays:
            yield from check_preprocessing(arrays)
        elif any(name.startswith("weights/") for name in arrays):
            yield from check_transformer(arrays)
        else:
            raise DataError(
                f"{path} must hold preprocessed clips or a transformer; it has neither."
            )
    except KeyError as error:
        raise DataError(f"{path} must hold the array {error}; it does not.") from None


def check_preprocessing(arrays: Arrays) -> Iterator[Case]:
    """Preprocesses each case's landmarks and compares."""
    for name in [key.removesuffix(".landmarks") for key in arrays if key.endswith(".landmarks")]:
        read = arrays[f"{name}.landmarks"]
        landmarks = np.full((len(read), LANDMARKS_PER_FRAME, 3), np.nan, np.float32)
        landmarks[:, arrays["landmark_columns"]] = read
        expected = arrays[f"{name}.frames"]
        settings = reference(len(expected))
        clip = preprocess(landmarks, settings)
        frames, index = pad(clip, settings)
        frames = np.nan_to_num(frames)  # the reference marks what is missing with 0
        difference = max(
            _difference(frames, expected), _difference(index, arrays[f"{name}.frame_index"])
        )
        yield Case(f"preprocessing {name}", difference, EXACT)


def check_transformer(arrays: Arrays) -> Iterator[Case]:
    """Builds the transformer, sets its weights, predicts, trains and compares."""
    with quiet_backend():
        import keras

        from gislr.models.serving import ClipRows
        from gislr.training.losses.crossentropy import CrossEntropy
        from gislr.training.optimizers import AdamWSettings
        from gislr.training.trainer import compile_model

    weights = {
        name.removeprefix("weights/"): array
        for name, array in arrays.items()
        if name.startswith("weights/")
    }
    model = _build(arrays, weights)
    for variable in model.trainable_variables:
        variable.assign(weights[canonical_name(variable.path)])
    # The reference marks what is missing with 0.
    frames = np.where(arrays["frames"] == 0, np.nan, arrays["frames"])
    inputs = ClipRows(last_frame_position="padding")(frames, arrays["frame_index"])

    def probabilities() -> NDArray[Any]:
        return np.asarray(keras.ops.softmax(model(inputs)))[:, 0]

    yield Case(
        "transformer probabilities", _difference(probabilities(), arrays["probabilities"]), EXACT
    )
    if "losses" not in arrays:
        return
    # tensorflow-addons' decay of 1e-5 at a rate of 1e-3 is Keras' 0.01.
    optimizer = AdamWSettings(
        name="adamw", learning_rate=1e-3, weight_decay=0.01, clipnorm=1.0, ema_momentum=None
    )
    compile_model(model, optimizer, CrossEntropy(name="crossentropy", label_smoothing=0.25))
    labels = arrays["labels"][:, None]
    for step, expected in enumerate(arrays["losses"]):
        loss = np.asarray(model.train_on_batch(inputs, labels)).ravel()[0]
        model.reset_metrics()
        yield Case(f"transformer loss of step {step + 1}", abs(float(loss - expected)), TRAINED)
    after = {
        name.partition("/")[2]: array
        for name, array in arrays.items()
        if name.startswith("weights_after_")
    }
    for variable in model.trainable_variables:
        name = canonical_name(variable.path)
        if name in after:
            difference = _difference(np.asarray(variable.value), after[name])
            yield Case(f"transformer {name} after training", difference, TRAINED)
    for name in [name for name in arrays if name.startswith("probabilities_after_")]:
        difference = _difference(probabilities(), arrays[name])
        yield Case("transformer probabilities after training", difference, TRAINED)


def _build(arrays: Arrays, weights: Arrays) -> Any:
    blocks = len({name.split(".")[0] for name in weights if name.startswith("block")})
    landmark_units, units = weights["embedding.merge1"].shape
    most_frames = arrays["frames"].shape[1]
    heads = weights["block0.attention.query.kernel"].shape[1] if blocks else 1
    hidden = weights["block0.mlp1.kernel"].shape[1] if blocks else units
    settings = Transformer(
        name="transformer",
        units=units,
        landmark_units=landmark_units,
        num_blocks=blocks,
        num_heads=heads,
        mlp_ratio=hidden / units,
        embedding_dropout=0.0,
        mlp_dropout=0.0,
        classifier_dropout=0.0,
        frame_masking=0.0,
        mask_at_inference=False,
        normalization="none",
        attention_mask="queries",
        last_frame_position="padding",
    )
    parts = ("lips", "hand", "pose")
    return build_model(
        settings,
        signs=weights["classifier.kernel"].shape[1],
        layout=layout_of(settings, most_frames),
        preprocessing=reference(most_frames),
        precision="float32",
        statistics=Statistics(
            np.concatenate([arrays[f"{part}_mean"] for part in parts]),
            np.concatenate([arrays[f"{part}_std"] for part in parts]),
        ),
    )


_CANONICAL_NAMES = (
    (r"position_embedding/.*", "embedding.position"),
    (r"(.*)_embedding/first", r"embedding.\1.dense1"),
    (r"(.*)_embedding/second", r"embedding.\1.dense2"),
    (r"(.*)_embedding/(missing)", r"embedding.\1.\2"),
    (r"part_weights/.*", "embedding.part_weights"),
    (r"merge_(\d)/.*", r"embedding.merge\1"),
    (r"block_(\d+)_attention/(.*)_(.*)", r"block\1.attention.\2.\3"),
    (r"block_(\d+)_mlp_(\d)/(.*)", r"block\1.mlp\2.\3"),
    (r"(.*)/(.*)", r"\1.\2"),
)


def canonical_name(path: str) -> str:
    """Returns the name that the files give to a variable of the transformer."""
    name = "/".join(path.split("/")[-2:])
    matches = ((re.fullmatch(pattern, name), wanted) for pattern, wanted in _CANONICAL_NAMES)
    return next(match.expand(wanted) for match, wanted in matches if match)


def _difference(got: NDArray[Any], expected: NDArray[Any]) -> float:
    if got.shape != expected.shape:
        return float("inf")
    return float(np.max(np.abs(got.astype(np.float64) - expected), initial=0.0))


class ParitySettings(CommandSettings):
    """Settings of `gislr parity`; `conf/parity.yaml` explains the keys."""

    files: list[Text]


def parity(config: DictConfig) -> list[Case]:
    """Recomputes every case of some files and logs the largest difference of each.

    Raises:
        DataError: A file cannot be read, or a difference is above its tolerance.
    """
    cases = []
    for path in map(resolve_here, read_command(ParitySettings, config).files):
        for case in check(read_cases(path), path):
            verdict = "ok" if case.passed else "DIFFERS"
            figures = f"{case.difference:9.2e}  (at most {case.tolerance:.0e})"
            log.info(f"{verdict:<8}{figures}  {case.name}")
            cases.append(case)
    if differing := sum(not case.passed for case in cases):
        raise DataError(
            f"Every case must be within its tolerance; {differing} of {len(cases)} differ."
        )
    return cases
