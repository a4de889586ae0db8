"""Which signers are held out. Every split is one of signers: no signer is ever on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gislr.utils.errors import DataError, SettingError, unknown_name


@dataclass(frozen=True)
class SplitSettings:
    """How signers are held out.

    Attributes:
        name: `group_shuffle`, `group_kfold` or `none`.
        test_size: Share of the *signers* held out by `group_shuffle`, rounded up.
        folds: Number of folds of `group_kfold`.
        fold: Which of them is held out, from 0.
        seed: Decides which signers.
    """

    name: str
    test_size: float | None
    folds: int | None
    fold: int | None
    seed: int | None


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


def split_clips(
    settings: SplitSettings, clip_signers: NDArray[np.str_], all_signers: NDArray[np.str_]
) -> Split:
    """Splits clips by signer.

    Args:
        settings: Which split.
        clip_signers: str [clips], the signer of each usable clip.
        all_signers: str [listed clips]; signers are drawn among these, so that a clip without a
            hand does not change who is held out.

    Raises:
        SettingError: The name is unknown or there are too few signers.
    """
    if settings.name not in SPLITS:
        raise unknown_name("split.name", settings.name, SPLITS)
    held_out = sorted(set(SPLITS[settings.name](settings, all_signers)))
    is_held_out = np.isin(clip_signers, held_out)
    split = Split(np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out), held_out)
    both = set(clip_signers[split.train]) & set(clip_signers[split.validation])
    if both:
        raise DataError(f"No signer may be on both sides of a split; {sorted(both)} are.")
    if not len(split.train) or (held_out and not len(split.validation)):
        raise SettingError(
            "A split must leave clips on both sides; one side has none. Hold out other signers."
        )
    return split


def _group_shuffle(settings: SplitSettings, signers: NDArray[np.str_]) -> list[str]:
    from sklearn.model_selection import GroupShuffleSplit

    if settings.test_size is None or not 0 < settings.test_size < 1:
        raise SettingError(
            f"split.test_size must be above 0 and below 1; got {settings.test_size}."
        )
    _require_signers(signers, 2, "group_shuffle")
    splitter = GroupShuffleSplit(
        n_splits=1, test_size=settings.test_size, random_state=settings.seed
    )
    _, held_out = next(splitter.split(signers, groups=_sortable(signers)))
    return [str(signer) for signer in signers[held_out]]


def _group_kfold(settings: SplitSettings, signers: NDArray[np.str_]) -> list[str]:
    from sklearn.model_selection import GroupKFold

    if settings.folds is None or settings.folds < 2:
        raise SettingError(f"split.folds must be at least 2; got {settings.folds}.")
    if settings.fold is None or not 0 <= settings.fold < settings.folds:
        raise SettingError(
            f"split.fold must be 0 to {settings.folds - 1} (split.folds={settings.folds}); "
            f"got {settings.fold}."
        )
    _require_signers(signers, settings.folds, "group_kfold")
    splitter = GroupKFold(n_splits=settings.folds, shuffle=True, random_state=settings.seed)
    folds = list(splitter.split(signers, groups=_sortable(signers)))
    return [str(signer) for signer in signers[folds[settings.fold][1]]]


def _none(settings: SplitSettings, signers: NDArray[np.str_]) -> list[str]:
    return []


def _require_signers(signers: NDArray[np.str_], least: int, name: str) -> None:
    count = len(np.unique(signers))
    if count < least:
        raise SettingError(
            f"split={name} needs at least {least} signers; the data has {count}. Use split=none to "
            "train on all of them."
        )


def _sortable(signers: NDArray[np.str_]) -> NDArray[np.str_] | NDArray[np.int64]:
    """Numbers where every signer is one, as the published splits sort them; text otherwise."""
    try:
        return signers.astype(np.int64)
    except ValueError:
        return signers


SPLITS: dict[str, Callable[[SplitSettings, NDArray[np.str_]], list[str]]] = {
    "group_shuffle": _group_shuffle,
    "group_kfold": _group_kfold,
    "none": _none,
}
