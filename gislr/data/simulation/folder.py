"""Writes simulated clips as an `asl-signs` folder."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gislr.data.kaggle_folder import LISTING, LISTING_COLUMNS
from gislr.data.label_map import LABEL_MAP, write_label_map
from gislr.data.raw_clips import write_clip
from gislr.data.simulation.signers import Signer, draw_signers, draw_version
from gislr.data.simulation.signs import SIGNS
from gislr.data.simulation.simulated_clips import SimulatedClip, simulate_clip
from gislr.data.simulation.simulation_settings import SimulationSettings
from gislr.utils.paths import atomic_folder

LANDMARK_FILES: Final = "train_landmark_files"
HANDLESS_SHARE: Final = 0.003
"""Share of the clips in which no hand is found at all; none in a sample of few clips."""

_CLIP_STREAM, _NAME_STREAM, _HANDLESS_STREAM = 10, 11, 12


@dataclass(frozen=True)
class PlannedClip:
    """What a clip shows, and where it lies."""

    number: int  # from 0; seeds the clip
    sign: int  # index in `SIGNS`
    signer: int  # index of the signer
    participant: int  # the signer's id in the files
    sequence: int  # the clip's id in the files
    hands_found: bool  # whether any hand is found

    @property
    def path(self) -> str:
        """The clip's file, relative to the folder."""
        return f"{LANDMARK_FILES}/{self.participant}/{self.sequence}.parquet"


def write_folder(
    root: Path,
    settings: SimulationSettings,
    done: Callable[[int], None] | None = None,
) -> None:
    """Writes the clips, `train.csv` and the label map; all of them or nothing.

    Equal settings give equal files.

    Args:
        root: The folder, which must not be there yet.
        settings: How much is simulated.
        done: Called with 1 after each clip.

    Raises:
        OSError: The folder cannot be written or is there already.
    """
    if root.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(root))
    plan = plan_clips(settings)
    signers = draw_signers(settings.signers, settings.seed)
    with atomic_folder(root) as folder:
        for clip in plan:
            simulated = simulate_planned(clip, signers, settings.seed)
            (folder / clip.path).parent.mkdir(parents=True, exist_ok=True)
            write_clip(folder / clip.path, simulated.landmarks, simulated.frames)
            if done:
                done(1)
        with (folder / LISTING).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(LISTING_COLUMNS)
            writer.writerows(
                [clip.path, clip.participant, clip.sequence, SIGNS[clip.sign].gloss]
                for clip in plan
            )
        glosses = sorted(sign.gloss for sign in SIGNS[: settings.signs])
        write_label_map(folder / LABEL_MAP, glosses)


def plan_clips(settings: SimulationSettings) -> list[PlannedClip]:
    """Deals signs and signers to clips evenly and draws their ids, in the order of `train.csv`."""
    names = np.random.default_rng([settings.seed, _NAME_STREAM])
    participants = names.choice(60_000, settings.signers, replace=False) + 2_000
    sequences = names.choice(2**31, settings.clips, replace=False)
    shuffled = np.random.default_rng([settings.seed, _HANDLESS_STREAM]).permutation(settings.clips)
    handless = shuffled < int(HANDLESS_SHARE * settings.clips)
    plan = []
    for number in range(settings.clips):
        lap, sign = divmod(number, settings.signs)
        # Shifting by the sign lets every pair of sign and signer come up before any does twice.
        signer = (lap + sign) % settings.signers
        plan.append(
            PlannedClip(
                number=number,
                sign=sign,
                signer=signer,
                participant=int(participants[signer]),
                sequence=int(sequences[number]),
                hands_found=not handless[number],
            )
        )
    return plan


def simulate_planned(clip: PlannedClip, signers: list[Signer], seed: int) -> SimulatedClip:
    """Simulates a planned clip; its landmarks do not depend on those written before it."""
    signer = signers[clip.signer]
    version = draw_version(signer, SIGNS[clip.sign], seed)
    rng = np.random.default_rng([seed, _CLIP_STREAM, clip.number])
    return simulate_clip(signer, version, rng, hands_found=clip.hands_found)
