"""What a model made of some clips, as it is kept with a run and read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.data.store import Store
from gislr.utils.errors import DataError

FILE = "probabilities.parquet"
_SIGNS = b"gislr.signs"


@dataclass(frozen=True)
class ClipPredictions:
    """Probabilities of clips and what is known of the clips.

    Attributes:
        clips: str [clips], their paths.
        signers: str [clips].
        labels: int32 [clips], the true signs.
        frames: int64 [clips], frames kept of each clip.
        raw_frames: int64 [clips], frames that it had.
        probabilities: float32 [clips, signs].
        signs: The glosses.
    """

    clips: NDArray[np.str_]
    signers: NDArray[np.str_]
    labels: NDArray[np.int32]
    frames: NDArray[np.int64]
    raw_frames: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    signs: list[str]

    @classmethod
    def of(
        cls, store: Store, clips: NDArray[np.int64], probabilities: NDArray[np.float32]
    ) -> ClipPredictions:
        """Returns the predictions of some clips of a store."""
        table = store.clips
        return cls(
            clips=table.paths[clips],
            signers=table.signers[clips],
            labels=table.labels[clips],
            frames=table.lengths[clips],
            raw_frames=table.raw_lengths[clips],
            probabilities=probabilities,
            signs=store.signs,
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The sign of highest probability, int64 [clips]."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    def rows(self, chosen: NDArray[Any]) -> ClipPredictions:
        """Returns some of the clips, by a mask or by indices."""
        values = {
            field.name: getattr(self, field.name)[chosen]
            for field in fields(self)
            if field.name != "signs"
        }
        return ClipPredictions(**values, signs=self.signs)

    def save(self, path: Path) -> None:
        """Writes a parquet file, one row a clip."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        flat = pa.array(np.ascontiguousarray(self.probabilities, np.float32).reshape(-1))
        table = pa.table(
            {
                "clip": self.clips.tolist(),
                "signer": self.signers.tolist(),
                "sign": [self.signs[label] for label in self.labels],
                "label": self.labels,
                "frames": self.frames,
                "raw_frames": self.raw_frames,
                "probabilities": pa.FixedSizeListArray.from_arrays(flat, len(self.signs)),
            }
        ).replace_schema_metadata({_SIGNS: json.dumps(self.signs).encode()})
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
            signs = list(json.loads(table.schema.metadata[_SIGNS]))
            flat = table["probabilities"].combine_chunks().flatten()
            return cls(
                clips=np.array(table["clip"].to_pylist(), np.str_),
                signers=np.array(table["signer"].to_pylist(), np.str_),
                labels=table["label"].to_numpy().astype(np.int32),
                frames=table["frames"].to_numpy().astype(np.int64),
                raw_frames=table["raw_frames"].to_numpy().astype(np.int64),
                probabilities=flat.to_numpy().reshape(-1, len(signs)),
                signs=signs,
            )
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise DataError(
                f"{path.name} must be a file of predictions that gislr wrote; {error}"
            ) from None


def pooled(parts: Sequence[ClipPredictions]) -> ClipPredictions:
    """Puts the predictions of several folds together.

    Raises:
        DataError: A clip or a signer stands in more than one of them, or their signs differ.
    """
    if any(part.signs != parts[0].signs for part in parts):
        raise DataError("Predictions can be put together only for the same signs; they differ.")
    seen: set[str] = set()
    for part in parts:
        signers = set(part.signers.tolist())
        if both := sorted(seen & signers):
            raise DataError(
                f"Each signer must be held out in one fold only; {', '.join(both)} are in several."
            )
        seen |= signers
    values = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(ClipPredictions)
        if field.name != "signs"
    }
    return ClipPredictions(**values, signs=parts[0].signs)
