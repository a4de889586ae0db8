"""Which signers are held out. Every split is one of signers: no signer is ever on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gislr.utils.errors import SettingError
from gislr.utils.registry import Registry
from gislr.utils.settings import Settings, Whole

Signers = NDArray[np.str_]


class SplitSettings(Settings):
    """A way to hold signers out.

    Attributes:
        name: The name under which it is registered.
    """

    name: str

    def held_out(self, signers: Signers) -> list[str]:
        """Returns the signers to hold out, in any order, with or without repetition.

        Args:
            signers: str [clips], the signer of every listed clip.

        Raises:
            SettingError: There are too few signers.
        """
        raise NotImplementedError


SPLITS: Registry[type[SplitSettings]] = Registry("split", "gislr.data.splits")


@SPLITS.register("group_shuffle")
class GroupShuffle(SplitSettings):
    """A share of the signers.

    Attributes:
        test_size: Share of the *signers* that are held out, rounded up.
        seed: Decides which signers.
    """

    test_size: Annotated[float, Field(gt=0, lt=1)]
    seed: Whole

    def held_out(self, signers: Signers) -> list[str]:
        from sklearn.model_selection import GroupShuffleSplit

        _require_signers(signers, 2, self.name)
        splitter = GroupShuffleSplit(n_splits=1, test_size=self.test_size, random_state=self.seed)
        _, held_out = next(splitter.split(signers, groups=_sortable(signers)))
        return signers[held_out].tolist()


@SPLITS.register("group_kfold")
class GroupKFold(SplitSettings):
    """One of several folds of the signers.

    Attributes:
        folds: Number of folds.
        fold: Which of them is held out, from 0.
        seed: Decides how signers are dealt to folds.
    """

    folds: Annotated[int, Field(ge=2)]
    fold: Whole
    seed: Whole

    @model_validator(mode="after")
    def _fold_exists(self) -> GroupKFold:
        if self.fold >= self.folds:
            raise SettingError(
                f"split.fold must be 0 to {self.folds - 1} (split.folds={self.folds}); "
                f"got {self.fold}."
            )
        return self

    def held_out(self, signers: Signers) -> list[str]:
        from sklearn.model_selection import GroupKFold as Splitter

        _require_signers(signers, self.folds, self.name)
        splitter = Splitter(n_splits=self.folds, shuffle=True, random_state=self.seed)
        folds = list(splitter.split(signers, groups=_sortable(signers)))
        return signers[folds[self.fold][1]].tolist()


@SPLITS.register("none")
class NoSplit(SplitSettings):
    """Nobody: all clips are trained on."""

    def held_out(self, signers: Signers) -> list[str]:
        return []


@dataclass(frozen=True)
class Split:
    """Clips to train on and clips to validate on.

    Attributes:
        train: int64, rows of the clips trained on.
        validation: int64, rows of the held-out signers' clips; empty for `none`.
        held_out: The held-out signers, sorted.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: list[str]


def split_clips(settings: SplitSettings, clip_signers: Signers, all_signers: Signers) -> Split:
    """Splits clips by signer.

    Args:
        settings: Which split.
        clip_signers: str [clips], the signer of each usable clip.
        all_signers: str [listed clips]; signers are drawn among these, so that a clip without a
            hand does not change who is held out.

    Raises:
        SettingError: There are too few signers, or a side has no clip.

    Example:
        >>> signers = np.array(["ann", "bob", "ann", "cleo"])
        >>> settings = GroupKFold(name="group_kfold", folds=3, fold=0, seed=0)
        >>> split = split_clips(settings, signers, signers)
        >>> split.held_out, split.train.tolist()
        (['cleo'], [0, 1, 2])
    """
    held_out = sorted(set(settings.held_out(all_signers)))
    is_held_out = np.isin(clip_signers, held_out)
    split = Split(np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out), held_out)
    if not len(split.train) or (held_out and not len(split.validation)):
        raise SettingError(
            "A split must leave clips on both sides; one side has none. Hold out other signers."
        )
    return split


def _require_signers(signers: Signers, least: int, name: str) -> None:
    count = len(np.unique(signers))
    if count < least:
        raise SettingError(
            f"split={name} needs at least {least} signers; the data has {count}. Use split=none to "
            "train on all of them."
        )


def _sortable(signers: Signers) -> Signers | NDArray[np.int64]:
    """Numbers where every signer is one, as the published splits sort them; text otherwise."""
    try:
        return signers.astype(np.int64)
    except ValueError:
        return signers
