"""Signers are kept apart, and the real set is split as published."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gislr.data.drawing import draw_clips
from gislr.data.held_out import HeldOut
from gislr.data.splits import SPLITS, split_clips
from gislr.data.store import ClipTable
from gislr.utils.errors import SettingError

CLIPS_OF_SIGNERS = {
    2044: 4810, 4718: 3499, 16069: 4848, 18796: 3502, 22343: 4677, 25571: 3865, 26734: 4841,
    27610: 4275, 28656: 4563, 29302: 4722, 30680: 3338, 32319: 4753, 34503: 4545, 36257: 4896,
    37055: 4648, 37779: 4782, 49445: 4968, 53618: 4656, 55372: 4826, 61333: 4900, 62590: 4563,
}  # fmt: skip
"""Clips of each signer of Kaggle's asl-signs, from its train.csv (CC BY 4.0, Google)."""


def read(name, **values):
    return SPLITS.read({"name": name, **values})


def group_shuffle(test_size=0.10, seed=42, column="signer"):
    return read("group_shuffle", test_size=test_size, seed=seed, column=column)


def group_kfold(fold, folds=5, seed=42):
    return read("group_kfold", folds=folds, fold=fold, seed=seed, column="signer")


def clips_of(signers, **columns):
    count = len(signers)
    columns = {"signer": signers, "split": [""] * count} | columns
    zeros = np.zeros(count, int)
    return ClipTable(
        paths=np.arange(count).astype(str),
        labels=zeros,
        lengths=zeros,
        raw_lengths=zeros,
        left_dominant=zeros,
        columns={name: np.array(values, np.str_) for name, values in columns.items()},
    )


def split_of(settings, signers, all_signers=None, **columns):
    clips = clips_of(signers, **columns)
    return split_clips(settings, clips, clips if all_signers is None else clips_of(all_signers))


def test_the_real_set_is_split_as_published():
    signers = np.repeat(
        np.array(list(CLIPS_OF_SIGNERS)).astype(str), list(CLIPS_OF_SIGNERS.values())
    )
    np.random.default_rng(0).shuffle(signers)
    split = split_of(group_shuffle(), signers)
    assert split.held_out == HeldOut("signer", ["2044", "37779", "53618"])
    assert (len(split.train), len(split.validation)) == (80_229, 14_248)


@settings(max_examples=50, deadline=None)
@given(
    signers=st.lists(st.sampled_from("abcdefgh"), min_size=20, max_size=60),
    folds=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_no_signer_is_on_both_sides_and_every_fold_is_another(signers, folds, seed):
    if len(set(signers)) < folds:
        return
    require_folds(np.array(signers), [group_kfold(fold, folds, seed) for fold in range(folds)])


def require_folds(signers, splits, apart=frozenset()):
    """Every signer but those kept apart is held out once and trained on in all other folds."""
    held_out = []
    for settings_of_fold in splits:
        split = split_of(settings_of_fold, signers)
        assert set(split.apart.groups) == apart
        assert not set(signers[split.train]) & set(signers[split.validation])
        assert set(signers[split.validation]) == set(split.held_out.groups)
        used = np.sort([*split.train, *split.validation])
        assert used.tolist() == np.flatnonzero(~np.isin(signers, sorted(apart))).tolist()
        held_out += split.held_out.groups
    assert sorted(held_out) == sorted(set(signers) - apart)


@settings(max_examples=50, deadline=None)
@given(
    signers=st.lists(st.sampled_from("abcdefghij"), min_size=30, max_size=60),
    outer=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_the_signers_of_an_outer_fold_are_on_neither_side(signers, outer, seed):
    if len(set(signers)) < 6:
        return
    signers = np.array(signers)
    apart = set(split_of(group_kfold(outer, 3, seed), signers).held_out.groups)
    keys = {"outer_folds": 3, "outer_fold": outer, "folds": 2, "seed": seed, "column": "signer"}
    require_folds(signers, [read("nested", fold=fold, **keys) for fold in range(2)], apart)


def test_an_outer_fold_must_exist():
    values = {"folds": 2, "fold": 0, "seed": 0, "column": "signer", "outer_folds": 3}
    with pytest.raises(SettingError, match=r"split.outer_fold must be 0 to 2"):
        read("nested", outer_fold=3, **values)


def test_the_size_counts_signers_rounded_up():
    signers = np.repeat(np.arange(21).astype(str), 3)
    assert len(split_of(group_shuffle(), signers).held_out.groups) == 3


def test_clips_without_a_hand_do_not_change_who_is_held_out():
    all_clips = np.repeat(np.arange(10).astype(str), 2)
    full = split_of(group_kfold(1), all_clips)
    gone = full.held_out.groups[0]
    usable = all_clips[all_clips != gone]
    assert split_of(group_kfold(1), usable, all_clips).held_out == full.held_out


def test_none_trains_on_everything():
    signers = np.array(["a", "b"])
    split = split_of(read("none"), signers)
    assert (len(split.train), len(split.validation), split.held_out.groups) == (2, 0, [])


def test_a_published_split_is_taken_as_it_is_listed():
    listed = ["train", "test", "val", "train", "val"]
    split = split_of(read("listed"), ["a"] * 5, split=listed)
    assert (split.train.tolist(), split.validation.tolist()) == ([0, 3], [2, 4])
    assert split.held_out == HeldOut("split", ["val"])


@pytest.mark.parametrize("chosen", [read("none"), group_shuffle(0.5), group_kfold(0, 2)])
def test_no_split_trains_or_validates_on_what_is_listed_as_test(chosen):
    listed = ["train", "test", "val", "train", "test", "train"]
    split = split_of(chosen, ["a", "a", "b", "b", "c", "a"], split=listed)
    assert sorted([*split.train, *split.validation]) == [0, 2, 3, 5]
    assert "c" not in split.held_out.groups


def test_any_column_can_be_kept_apart():
    sessions = ["mon", "mon", "tue", "wed", "tue"]
    chosen = group_shuffle(0.3, column="session")
    split = split_of(chosen, [""] * 5, session=sessions)
    assert split.held_out.column == "session"
    held_out = [sessions[clip] for clip in split.validation]
    assert sorted(set(held_out)) == split.held_out.groups
    assert not set(held_out) & {sessions[clip] for clip in split.train}


@settings(max_examples=50, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=40),
    count=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_clips_of_each_sign_are_drawn_and_larger_draws_hold_the_smaller(labels, count, seed):
    labels = np.array(labels, np.int32)
    clips = np.flatnonzero(np.arange(len(labels)) % 3 != 1)
    drawn, more = (draw_clips(clips, labels, n, seed) for n in (count, count + 1))
    assert set(drawn) <= set(more) <= set(clips)
    assert drawn.tolist() == sorted(drawn)
    for label in range(5):
        available = int((labels[clips] == label).sum())
        assert int((labels[drawn] == label).sum()) == min(count, available)
    assert draw_clips(clips, labels, None, seed).tolist() == clips.tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: group_kfold(5), "split.fold must be 0 to 4"),
        (lambda: group_kfold(0, 1), "split.folds must be at least 2"),
        (lambda: group_kfold(0, 9), "at least 9 different values of signer; the data has 3"),
        (lambda: group_shuffle(column="place"), "needs every clip's place, .*; it says signer"),
        (lambda: read("listed"), "no clip is train or val"),
        (lambda: group_shuffle(1.5), "split.test_size must be below 1"),
        (lambda: read("random"), "group_kfold, group_shuffle, listed, nested, none; got"),
    ],
)
def test_what_cannot_be_split_is_an_error(make, message):
    signers = np.array(["a", "b", "c"])
    with pytest.raises(SettingError, match=message):
        split_of(make(), signers)


def test_unknown_signers_cannot_be_held_out():
    with pytest.raises(SettingError, match="needs every clip's signer, which the data does not"):
        split_of(group_shuffle(), ["", "", ""])
