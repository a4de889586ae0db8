"""Predictions of clips, in memory and as the file that is kept with a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.store import Store
from gislr.evaluation.metrics.scores import check_labels, check_predictions, score
from gislr.utils.errors import DataError, GislrError

FILE = "probabilities.parquet"

FEW_SIGNERS = 8
"""With fewer signers than this, the bootstrap makes intervals far too narrow."""

_METADATA = b"gislr"
_COLUMNS: dict[str, tuple[str, Any]] = {
    "clips": ("clip", np.str_),
    "signers": ("signer", np.str_),
    "labels": ("label", np.int32),
    "frames": ("frames", np.int64),
    "raw_frames": ("raw_frames", np.int64),
}
"""Of the file: the name and the type of each attribute's column."""
_BY_CLIP = (*_COLUMNS, "probabilities")


@dataclass(frozen=True, eq=False)  # arrays have no one truth value; a key by identity
class ClipPredictions:
    """A model's probabilities for some clips, and what is known of the clips.

    Attributes:
        clips: str [clips], their paths.
        signers: str [clips]; empty where unknown.
        labels: int32 [clips], the true signs.
        frames: int64 [clips], frames kept of each clip.
        raw_frames: int64 [clips], frames of each raw clip; 0 where unknown.
        probabilities: float32 [clips, signs].
        signs: The glosses.
        label_smoothing: Of the model's loss, which `score` computes alike.

    Raises:
        GislrError: There is no clip, or the arrays do not match.
    """

    clips: NDArray[np.str_]
    signers: NDArray[np.str_]
    labels: NDArray[np.int32]
    frames: NDArray[np.int64]
    raw_frames: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    signs: list[str]
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_predictions(self.labels, self.probabilities)
        for name in _BY_CLIP:
            if len(getattr(self, name)) != len(self):
                raise GislrError(
                    f"There must be {len(self)} {name}, one per clip; "
                    f"got {len(getattr(self, name))}."
                )
        if len(self.signs) != self.probabilities.shape[1]:
            raise GislrError(
                f"Each of the {self.probabilities.shape[1]} columns of the probabilities needs the "
                f"name of its sign; got {len(self.signs)} names."
            )

    @classmethod
    def of(
        cls,
        store: Store,
        clips: NDArray[np.int64],
        probabilities: NDArray[np.float32],
        *,
        label_smoothing: float = 0.0,
        signs: list[str] | None = None,
    ) -> ClipPredictions:
        """Returns the predictions of some clips of a store.

        Args:
            store: The prepared data.
            clips: int64, indices of its clips.
            probabilities: float32 [clips, signs].
            label_smoothing: Of the model's loss.
            signs: The model's signs where they are not the store's; those of the clips are among
                them.
        """
        table = store.clips
        labels = table.labels[clips]
        if signs is not None:
            places = {sign: place for place, sign in enumerate(signs)}
            labels = np.array([places.get(sign, -1) for sign in store.signs], np.int32)[labels]
        return cls(
            clips=table.paths[clips],
            signers=table.signers[clips],
            labels=labels,
            frames=table.lengths[clips],
            raw_frames=table.raw_lengths[clips],
            probabilities=probabilities,
            signs=store.signs if signs is None else signs,
            label_smoothing=label_smoothing,
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The sign of highest probability, int64 [clips]."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def signer_names(self) -> list[str]:
        """The signers, each once, sorted."""
        return sorted(set(self.signers.tolist()))

    @property
    def signers_known(self) -> bool:
        """Whether every clip's signer is known."""
        return bool((self.signers != "").all())

    @property
    def signer_count(self) -> str:
        """How many signers there are, in words."""
        return f"{len(self.signer_names)} signers" if self.signers_known else "unknown signers"

    @property
    def resampled(self) -> NDArray[np.str_]:
        """What a bootstrap draws, str [clips]: signers, or clips where signers are unknown."""
        return self.signers if self.signers_known else self.clips

    @property
    def intervals_over(self) -> str:
        """What intervals are over, and what to think of them."""
        if not self.signers_known:
            return "over clips, since signers are unknown; they are optimistic"
        count = len(self.signer_names)
        few = f"; {count} signers are too few for these intervals" if count < FEW_SIGNERS else ""
        return f"over signers{few}"

    def score(self, *names: str) -> dict[str, float]:
        """Returns the scores of these names, by default all; see `scores.score`."""
        return score(self.labels, self.probabilities, self.label_smoothing, names or None)

    def baseline(self, train_labels: NDArray[np.int32]) -> dict[str, float]:
        """Returns the scores of always predicting the most frequent sign of the training clips.

        Every clip gets the signs' frequencies as its probabilities, as by scikit-learn's
        `DummyClassifier(strategy="prior")`.

        Args:
            train_labels: int32 [training clips].
        """
        check_labels(train_labels, len(self.signs))
        shares = np.bincount(train_labels, minlength=len(self.signs)) / len(train_labels)
        prior = np.tile(shares.astype(np.float32), (len(self), 1))
        return replace(self, probabilities=prior).score()

    def rows(self, chosen: NDArray[Any]) -> ClipPredictions:
        """Returns some of the clips, by a mask or by indices."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _BY_CLIP})

    def save(self, path: Path) -> None:
        """Writes a parquet file, one row per clip."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {column: getattr(self, name).tolist() for name, (column, _) in _COLUMNS.items()}
        columns["sign"] = [self.signs[label] for label in self.labels]
        flat = pa.array(np.ascontiguousarray(self.probabilities, np.float32).reshape(-1))
        columns["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, len(self.signs))
        metadata = {"signs": self.signs, "label_smoothing": self.label_smoothing}
        table = pa.table(columns).replace_schema_metadata(
            {_METADATA: json.dumps(metadata).encode()}
        )
        pq.write_table(table, path, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> ClipPredictions:
        """Reads what `save` wrote.

        Raises:
            DataError: The file holds something else.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            metadata = json.loads(table.schema.metadata[_METADATA])
            flat = table["probabilities"].combine_chunks().flatten().to_numpy()
            return cls(
                **{
                    name: np.array(table[column].to_pylist(), dtype)
                    for name, (column, dtype) in _COLUMNS.items()
                },
                probabilities=flat.reshape(-1, len(metadata["signs"])),
                signs=list(metadata["signs"]),
                label_smoothing=float(metadata["label_smoothing"]),
            )
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise DataError(
                f"{path.name} must be a file of predictions that gislr wrote; {error}"
            ) from None


def pooled(parts: Sequence[ClipPredictions]) -> ClipPredictions:
    """Returns the predictions of several folds as one.

    Raises:
        DataError: A clip is in more than one of them, or their signs differ.
    """
    if any(part.signs != parts[0].signs for part in parts):
        raise DataError("Predictions of folds can be pooled only for the same signs; they differ.")
    seen: set[str] = set()
    for part in parts:
        if repeated := sorted(seen & set(part.clips.tolist())):
            raise DataError(
                "Each clip must be held out in one fold only; "
                f"{', '.join(repeated[:5])} ({len(repeated)} in all) are in several."
            )
        seen |= set(part.clips.tolist())
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _BY_CLIP
    }
    return replace(parts[0], **arrays)
