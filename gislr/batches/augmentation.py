"""Changes clips in training in ways that leave their sign the same.

What is changed follows the Kaggle competition's leading solutions. Everything is drawn for each
clip of a batch anew, from the batch's own generator, and built in the background with the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gislr.data.landmarks import LandmarkSet
from gislr.utils.errors import SettingError

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

_CENTRE = np.float32(0.5)
_RANGES = ("resample_by", "crop_to", "rotation", "scale", "shift", "shear", "span", "mixup_alpha")


@dataclass(frozen=True)
class Augmentation:
    """How clips are changed; the values stand in `conf/augmentation/`.

    Attributes:
        resample: Probability that a clip is played faster or slower.
        resample_by: At most 1 + this times as long, or as short.
        crop: Probability that only a part of a clip, of frames in a row, is shown.
        crop_to: Share of the clip that is left at least.
        affine: Probability that a clip is turned, sized, moved and slanted.
        rotation: Degrees at most.
        scale: At most 1 + this times as large, or as small.
        shift: Share of the image at most, in x and in y.
        shear: At most; x changes by this times y.
        span_masking: Probability that some frames in a row are left out.
        span: Share of the clip at most.
        mirroring: Probability that a clip is seen in a mirror, left and right landmarks swapped.
        part_mixing: Probability that a clip gets a part from another clip of the same sign in its
            batch, for each part but the dominant hand.
        mixup: Probability that a clip is blended with any other of its batch, signs included.
        mixup_alpha: Blends are drawn from Beta(alpha, alpha), after Zhang et al. 2018, "mixup".
        part_dropout: Probability that a part of a clip is taken for not found, for each part but
            the dominant hand.
        finger_dropout: The same for each finger.
    """

    resample: float
    resample_by: float
    crop: float
    crop_to: float
    affine: float
    rotation: float
    scale: float
    shift: float
    shear: float
    span_masking: float
    span: float
    mirroring: float
    part_mixing: float
    mixup: float
    mixup_alpha: float
    part_dropout: float
    finger_dropout: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0:
                raise SettingError(f"augmentation.{field.name} must be at least 0; got {value}.")
            if field.name not in _RANGES and value > 1:
                raise SettingError(
                    f"augmentation.{field.name} is a probability, 0 to 1; got {value}."
                )
        if self.span >= 1:
            raise SettingError(f"augmentation.span must be below 1; got {self.span}.")
        if not self.mixup_alpha > 0:
            raise SettingError(f"augmentation.mixup_alpha must be above 0; got {self.mixup_alpha}.")
        if not 0 < self.crop_to <= 1:
            raise SettingError(
                f"augmentation.crop_to must be above 0 and at most 1; got {self.crop_to}."
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether every probability is 0."""
        return not any(
            getattr(self, field.name) for field in fields(self) if field.name not in _RANGES
        )

    def resampled(
        self, lengths: Int64, most_frames: int, generator: np.random.Generator
    ) -> tuple[Int64, Int64]:
        """Draws the speed of clips: frames are repeated or left out, none is made up.

        Args:
            lengths: int64 [clips], frames of each.
            most_frames: No clip becomes longer.
            generator: Where the draws come from.

        Returns:
            int64 [clips], the new lengths, and int64 [new frames], for each new frame which frame
            of its clip it is.
        """
        bound = np.log1p(self.resample_by)
        factor = np.exp(generator.uniform(-bound, bound, len(lengths)))
        changed = generator.random(len(lengths)) < self.resample
        new = np.where(changed, np.rint(lengths * factor), lengths).astype(np.int64)
        new = np.clip(new, 1, np.maximum(lengths, most_frames))
        within = np.arange(new.sum()) - np.repeat(np.cumsum(new) - new, new)
        return new, within * np.repeat(lengths, new) // np.repeat(new, new)

    def spans(self, lengths: Int64, generator: np.random.Generator) -> NDArray[np.bool_]:
        """Draws which frames stay: all, or those of a part, or all but some in a row.

        Returns:
            bool [frames], the clips' frames one after another.
        """
        left_out = lengths * generator.uniform(0, self.span, len(lengths))
        left_out *= generator.random(len(lengths)) < self.span_masking
        kept = ~_in_a_row(lengths, np.floor(left_out), generator)
        if self.crop:
            share = generator.uniform(self.crop_to, 1, len(lengths))
            share[generator.random(len(lengths)) >= self.crop] = 1
            kept &= _in_a_row(lengths, np.ceil(lengths * share), generator)
        return kept

    def mixed(
        self,
        labels: NDArray[np.int32],
        landmarks: LandmarkSet,
        generator: np.random.Generator,
    ) -> tuple[Int64, NDArray[np.bool_]]:
        """Draws which clips of a batch get parts from which others of the same sign.

        Args:
            labels: int32 [clips].
            landmarks: What the landmarks are.
            generator: Where the draws come from.

        Returns:
            int64 [clips], the clip from which each one takes, and bool [clips, landmarks], what.
        """
        by_label = np.argsort(labels, kind="stable")
        counts = np.bincount(labels)[labels]
        starts = np.searchsorted(labels[by_label], labels)
        giver = by_label[starts + generator.integers(counts)]
        taken = np.zeros((len(labels), len(landmarks)), bool)
        for places in _but_the_hand(landmarks):
            taken[:, places] = (generator.random(len(labels)) < self.part_mixing)[:, None]
        return giver, taken

    def blended(self, clips: int, generator: np.random.Generator) -> tuple[Int64, Float32]:
        """Draws which clips of a batch are blended with which.

        Returns:
            int64 [clips], the other clip, and float32 [clips], the share of the clip itself; 1
            for one that stays as it is.
        """
        other = generator.permutation(clips)
        share = generator.beta(self.mixup_alpha, self.mixup_alpha, clips)
        share = np.maximum(share, 1 - share)
        share[generator.random(clips) >= self.mixup] = 1
        return other, share.astype(np.float32)

    def place(
        self,
        frames: Float32,
        owner: Int64,
        clips: int,
        landmarks: LandmarkSet,
        generator: np.random.Generator,
    ) -> Float32:
        """Mirrors, turns, sizes, moves and slants clips, and takes parts for not found.

        Args:
            frames: float32 [frames, landmarks, axes], image coordinates; NaN where missing.
            owner: int64 [frames], the clip of each frame.
            clips: Number of clips.
            landmarks: What the landmarks are.
            generator: Where the draws come from.
        """
        changed = generator.random(clips) < self.affine

        def drawn(most: float) -> NDArray[np.float64]:
            return generator.uniform(-most, most, clips) * changed

        angle, shear = np.deg2rad(drawn(self.rotation)), drawn(self.shear)
        size = np.exp(drawn(np.log1p(self.scale)))
        shift = np.stack([drawn(self.shift), drawn(self.shift)], axis=-1)
        cosine, sine = np.cos(angle) * size, np.sin(angle) * size
        matrix = np.stack([cosine, sine, shear * cosine - sine, shear * sine + cosine], axis=-1)
        matrix = matrix.reshape(clips, 2, 2).astype(np.float32)
        lost = np.zeros((clips, frames.shape[1]), bool)
        for places, probability in (
            *((places, self.part_dropout) for places in _but_the_hand(landmarks)),
            *((finger, self.finger_dropout) for finger in landmarks.fingers),
        ):
            lost[:, places] |= (generator.random(clips) < probability)[:, None]
        reflected = (generator.random(clips) < self.mirroring)[owner]
        if reflected.any():
            frames = np.where(
                reflected[:, None, None], mirrored(frames[:, landmarks.reflection]), frames
            )
        moved = frames.copy()
        moved[..., :2] = (frames[..., :2] - _CENTRE) @ matrix[owner]
        moved[..., :2] += _CENTRE + shift[owner, None].astype(np.float32)
        return np.where(lost[owner, :, None], np.float32(np.nan), moved)


def _but_the_hand(landmarks: LandmarkSet) -> list[slice]:
    return [places for part, places in landmarks.parts.items() if part != "hand"]


def _in_a_row(
    lengths: Int64, counts: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Draws where in each clip so many frames in a row lie, bool [frames]."""
    first = np.floor(generator.random(len(lengths)) * (lengths - counts + 1))
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    inside = within - np.repeat(first, lengths)
    return (inside >= 0) & (inside < np.repeat(counts, lengths))


def mirrored(frames: Float32) -> Float32:
    """Returns frames with x counted from the image's other side."""
    flipped = frames.copy()
    flipped[..., 0] = 1 - frames[..., 0]
    return flipped
