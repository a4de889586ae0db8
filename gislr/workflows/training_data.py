"""The data of a training: split, described, measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gislr.config.configuration import Configuration
from gislr.data import landmark_statistics as statistics
from gislr.data.drawing import draw_clips
from gislr.data.landmarks import LANDMARKS
from gislr.data.splits import Split, split_clips
from gislr.data.store import Store
from gislr.utils.errors import SettingError
from gislr.utils.log import log


def split_data(configuration: Configuration, store: Store) -> Split:
    """Splits a configuration's clips, and logs what is trained and validated on.

    Raises:
        SettingError: The clips cannot be split so.
    """
    split = split_clips(configuration.split, store.clips, store.all_clips)
    count, seed = configuration.training.clips_per_sign, configuration.seed
    train_clips = draw_clips(split.train, store.clips.labels, count, seed)
    split = dataclasses.replace(split, train=train_clips)
    _describe(configuration, store, split)
    return split


def also_clips(also: Store, store: Store, split: Split) -> NDArray[np.int64]:
    """Returns which clips of `data.also` are trained on, int64.

    None that its manifest lists as `test`, none of a signer (or another group) that the
    split holds out or apart, and no file that the split keeps from the training.

    Raises:
        SettingError: There is no such clip.
    """
    trained = np.zeros(len(store.clips), bool)
    trained[split.train] = True
    held_back = {place for place, used in zip(_files(store), trained, strict=True) if not used}
    known = np.array([place in held_back for place in _files(also)], bool)
    unseen = split.held_out.among(also.clips) | split.apart.among(also.clips)
    clips = np.flatnonzero(~also.clips.is_test & ~unseen & ~known)
    if not len(clips):
        raise SettingError(
            "data.also must hold clips that are not held out; it holds none. Name other clips."
        )
    log.info(
        f"also: {also.summary()}; {len(also.clips) - len(clips):,} held out like those of the data"
    )
    return clips


def _files(store: Store) -> list[Path]:
    root = store.listing.root if store.listing else Path()
    return [(root / path).resolve() for path in store.clips.paths.tolist()]


def measure_data(
    store: Store, clips: NDArray[np.int64]
) -> tuple[statistics.Statistics, NDArray[np.float32]]:
    """Returns the statistics of training clips, and some of their frames to draw.

    Says which parts of their landmarks none of them has.
    """
    measured, frames = statistics.measure(store, clips), statistics.sample_frames(store, clips)
    chosen, landmarks = store.preprocessing.landmarks, store.preprocessing.landmark_set
    if lacking := statistics.parts_never_found(frames, landmarks):
        others = ", ".join(name for name in LANDMARKS.names() if name != chosen)
        log.warning(
            f"preprocessing.landmarks={chosen} reads {', '.join(lacking)}, which no training clip "
            f"has; they stay missing. Other sets: {others}."
        )
    return measured, frames


def _describe(configuration: Configuration, store: Store, split: Split) -> None:
    log.info(f"data: {configuration.data.name}, {store.summary()}")
    if configuration.data.name == "sample":
        log.info("      simulated by gislr: scores on it say nothing about sign language")
    split_name = configuration.split.name
    tests = int(store.clips.is_test.sum())
    apart = f", {tests:,} of test kept apart" if tests else ""
    if split.apart.groups:
        apart += f"; kept apart: {split.apart}"
    if held_out := split.held_out.groups:
        column = split.held_out.column
        total = len(set(store.all_clips.columns[column].tolist()))
        # The shares of a split count signers, not clips, which surprises.
        what = f"{len(held_out)} of {total} {column}s held out: {', '.join(held_out)}"
        log.info(
            f"split: {split_name}; {what}; clips: {len(split.train):,} to train on, "
            f"{len(split.validation):,} to validate on{apart}"
        )
    else:
        log.info(
            f"split: none, trains on {len(split.train):,} clips, nothing to validate on{apart}"
        )
    if not store.clips.signers_known:
        log.info("      signers are unknown: the same people may be on both sides of a split")
    elif split.held_out.groups and split.shared_signers(store.clips):
        log.info("      signers are on both sides of the split: scores say less of new signers")
