"""Which clips are trained on. No group of clips, such as those of a signer, is on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gislr.data.held_out import LISTED, SIGNER, HeldOut
from gislr.data.store import ClipTable
from gislr.utils.errors import SettingError
from gislr.utils.registry import Registry
from gislr.utils.settings import Settings, Text, Whole

GROUP_KFOLD = "group_kfold"
"""The name of `GroupKFold`."""

NESTED = "nested"
"""The name of `NestedKFold`."""

Groups = NDArray[np.str_]


class SplitSettings(Settings):
    """A way to hold clips out.

    Attributes:
        name: The name under which it is registered.
    """

    name: str

    def held_out(self, clips: ClipTable) -> HeldOut:
        """Returns what is held out.

        Args:
            clips: Every listed clip.

        Raises:
            SettingError: The clips cannot be split in this way.
        """
        raise NotImplementedError

    def apart(self, clips: ClipTable) -> HeldOut:
        """Returns what is neither trained nor validated on; by default nothing."""
        return HeldOut(SIGNER, [])


SPLITS: Registry[type[SplitSettings]] = Registry("split", "gislr.data.splits")


@SPLITS.register("group_shuffle")
class GroupShuffle(SplitSettings):
    """A share of the groups, by default of the signers.

    Attributes:
        column: Clips that are equal in it are a group.
        test_size: Share of the *groups* that are held out, rounded up.
        seed: Decides which groups.
    """

    column: Text
    test_size: Annotated[float, Field(gt=0, lt=1)]
    seed: Whole

    def held_out(self, clips: ClipTable) -> HeldOut:
        from sklearn.model_selection import GroupShuffleSplit

        groups = _groups(clips, self.column, 2, self.name)
        splitter = GroupShuffleSplit(n_splits=1, test_size=self.test_size, random_state=self.seed)
        _, held_out = next(splitter.split(groups, groups=_sortable(groups)))
        return HeldOut(self.column, sorted(set(groups[held_out].tolist())))


@SPLITS.register(GROUP_KFOLD)
class GroupKFold(SplitSettings):
    """One of several folds of the groups, by default of the signers.

    Attributes:
        column: Clips that are equal in it are a group.
        folds: Number of folds.
        fold: Which of them is held out, from 0.
        seed: Decides how groups are dealt to folds.
    """

    column: Text
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

    def held_out(self, clips: ClipTable) -> HeldOut:
        return self._fold(clips, self.folds, self.fold)

    def _fold(self, clips: ClipTable, folds: int, fold: int) -> HeldOut:
        from sklearn.model_selection import GroupKFold as Splitter

        groups = _groups(clips, self.column, folds, self.name)
        splitter = Splitter(n_splits=folds, shuffle=True, random_state=self.seed)
        _, rows = list(splitter.split(groups, groups=_sortable(groups)))[fold]
        return HeldOut(self.column, sorted(set(groups[rows].tolist())))


@SPLITS.register(NESTED)
class NestedKFold(GroupKFold):
    """One of several folds of the groups that are not in an outer fold.

    A sweep over it runs once without each outer fold, on which its choice is judged.

    Attributes:
        outer_folds: Number of outer folds.
        outer_fold: Which of them is left out, from 0; `None` leaves none out.
    """

    outer_folds: Annotated[int, Field(ge=2)]
    outer_fold: Whole | None

    @model_validator(mode="after")
    def _outer_fold_exists(self) -> NestedKFold:
        if self.outer_fold is not None and self.outer_fold >= self.outer_folds:
            raise SettingError(
                f"split.outer_fold must be 0 to {self.outer_folds - 1} "
                f"(split.outer_folds={self.outer_folds}); got {self.outer_fold}."
            )
        return self

    def apart(self, clips: ClipTable) -> HeldOut:
        if self.outer_fold is None:
            return super().apart(clips)
        return self._fold(clips, self.outer_folds, self.outer_fold)


def is_nested(name: str) -> bool:
    """Tells whether a split is `nested`; YAML asks."""
    return name == NESTED


@SPLITS.register("listed")
class Listed(SplitSettings):
    """The published split of a manifest: `val` is held out."""

    def held_out(self, clips: ClipTable) -> HeldOut:
        if lacking := {"train", "val"} - set(clips.columns[LISTED].tolist()):
            raise SettingError(
                "split=listed needs a manifest whose column split says train, val or test; "
                f"no clip is {' or '.join(sorted(lacking))}. Name some, or choose another split."
            )
        return HeldOut(LISTED, ["val"])


@SPLITS.register("none")
class NoSplit(SplitSettings):
    """Nothing is held out: all clips are trained on but those listed as `test`."""

    def held_out(self, clips: ClipTable) -> HeldOut:
        return HeldOut(SIGNER, [])


@dataclass(frozen=True)
class Split:
    """Clips to train on and clips to validate on.

    Attributes:
        train: int64, rows of the clips trained on.
        validation: int64, rows of the clips held out; empty for `none`.
        held_out: What is held out.
        apart: What is on neither side.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: HeldOut
    apart: HeldOut

    def shared_signers(self, clips: ClipTable) -> bool:
        """Tells whether a signer is on both sides; where nothing is held out, all of them are."""
        sides = (set(clips.signers[rows].tolist()) for rows in (self.train, self.validation))
        return not len(self.validation) or bool(set.intersection(*sides))


def split_clips(settings: SplitSettings, clips: ClipTable, all_clips: ClipTable) -> Split:
    """Splits clips by group. Those that a manifest lists as `test` are on neither side.

    Args:
        settings: Which split.
        clips: The usable clips, whose rows are split.
        all_clips: Every listed clip; groups are drawn among these, so that a clip without a hand
            does not change who is held out.

    Raises:
        SettingError: There are too few groups, or a side has no clip.
    """
    listed = all_clips.rows(~all_clips.is_test)
    apart = settings.apart(listed)
    held_out = settings.held_out(listed.rows(~apart.among(listed)))
    usable, validated = ~clips.is_test & ~apart.among(clips), held_out.among(clips)
    train, validation = np.flatnonzero(usable & ~validated), np.flatnonzero(usable & validated)
    split = Split(train, validation, held_out, apart)
    if not len(split.train) or (held_out.groups and not len(split.validation)):
        raise SettingError(
            "A split must leave clips on both sides; one side has none. Hold out other clips."
        )
    return split


def _groups(clips: ClipTable, column: str, least: int, name: str) -> Groups:
    groups = clips.columns.get(column)
    if groups is None or not np.all(groups != ""):
        columns = {name: values for name, values in clips.columns.items() if name != LISTED}
        known = ", ".join(each for each, values in columns.items() if np.all(values != ""))
        raise SettingError(
            f"split={name} needs every clip's {column}, which the data does not say"
            + (f"; it says {known}: use split.column" if known else "")
            + ". A published split is split=listed, and split=none trains on all clips."
        )
    count = len(np.unique(groups))
    if count < least:
        raise SettingError(
            f"split={name} needs at least {least} different values of {column}; the data has "
            f"{count}. Use split=none to train on all of them."
        )
    return groups


def _sortable(groups: Groups) -> Groups | NDArray[np.int64]:
    """Numbers where every group is one, as the published splits sort them; text otherwise."""
    try:
        return groups.astype(np.int64)
    except (ValueError, OverflowError):
        return groups
