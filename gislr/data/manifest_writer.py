"""Writes the manifest of a published set: its listed clips whose files are there."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gislr.data.clip_files import READERS
from gislr.data.importers import CLIP_SUFFIXES, Importer, ListedClip, stem_of
from gislr.data.listing import SPLITS, raise_problems
from gislr.data.manifest_rows import write_rows
from gislr.utils.errors import DataError


@dataclass(frozen=True)
class Written:
    """What a manifest holds, and what of the listed clips it does not.

    Attributes:
        path: The manifest.
        clips: Its clips.
        missing: How many listed clips have no file.
        repeated: How many are listed again, with the same frames of the same file.
        without_frames: How many end where they start.
    """

    path: Path
    clips: list[ListedClip]
    missing: int
    repeated: int
    without_frames: int

    def summary(self) -> str:
        """Returns it in one line, for instance for the log."""
        signers = {clip.signer for clip in self.clips} - {""}
        count = Counter(clip.split for clip in self.clips)
        splits = [f"{name} {count[name]:,}" for name in SPLITS if count[name]]
        parts = [
            f"{len(self.clips):,} clips",
            f"{len({clip.sign for clip in self.clips}):,} signs",
            f"{len(signers):,} signers" if signers else "unknown signers",
            f"split {' / '.join(splits)}" if splits else "no official split",
        ]
        left_out = [
            f"{number:,} {why}"
            for number, why in (
                (self.missing, "whose files are missing"),
                (self.repeated, "listed twice"),
                (self.without_frames, "without frames"),
            )
            if number
        ]
        rest = f"; left out: {', '.join(left_out)}" if left_out else ""
        return f"{self.path}: {', '.join(parts)}{rest}"


def write_manifest(importer: Importer, root: Path, clips: Path | None, output: Path) -> Written:
    """Writes the manifest of a published set, and returns what it holds.

    Args:
        importer: Reads the set's metadata.
        root: The folder of the metadata.
        clips: The folder of the videos, or of landmarks in files of the same names; where the set's
            own tools put the videos when `None`.
        output: The manifest, in a folder above the clips.

    Raises:
        DataError: The metadata, the folders or the files cannot be used.
    """
    folder = root / importer.videos if clips is None else clips
    if not root.is_dir():
        raise DataError(f"The set's folder must exist; {root} is none.")
    if not folder.resolve().is_relative_to(output.parent.resolve()):
        raise DataError(
            f"The manifest must be in a folder above the clips, which are in {folder.resolve()}; "
            f"output is {output}."
        )
    files = clip_files(folder)
    listed = list(importer.listed(root, files))
    _require_complete(listed)
    found = [clip for clip in listed if clip.stem in files]
    if not found:
        raise DataError(
            f"No listed clip has a file in {folder}; clips=FOLDER names another folder of videos "
            "or landmarks."
        )
    with_frames = [clip for clip in found if clip.end < 0 or clip.end > clip.start >= 0]
    kept: dict[tuple[str, int, int], ListedClip] = {}
    for clip in with_frames:
        kept.setdefault((clip.stem, clip.start, clip.end), clip)
    base = folder.resolve().relative_to(output.parent.resolve())
    paths = {stem: (base / path.relative_to(folder)).as_posix() for stem, path in files.items()}
    write_rows(output, (_row(clip, paths[clip.stem]) for clip in kept.values()))
    return Written(
        output,
        list(kept.values()),
        missing=len(listed) - len(found),
        repeated=len(with_frames) - len(kept),
        without_frames=len(found) - len(with_frames),
    )


def clip_files(folder: Path) -> dict[str, Path]:
    """Returns the files of landmarks and videos below a folder, by stem.

    Landmarks go before the video that they come from.

    Raises:
        DataError: Several files of the same kind have the same stem, as in two versions of a set.
    """
    found: dict[tuple[str, bool], list[Path]] = defaultdict(list)
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            # Archives made on a Mac hold a file ._NAME beside each file.
            if name.lower().endswith(CLIP_SUFFIXES) and not name.startswith("."):
                kind = name.lower().endswith(tuple(READERS))
                found[stem_of(name), kind].append(Path(parent, name))
    raise_problems(
        {
            (
                f"Clips that lie several times below {folder}",
                "Name the folder of one version by clips=FOLDER.",
            ): [stem for (stem, _), paths in found.items() if len(paths) > 1]
        }
    )
    return {stem: paths[0] for (stem, _), paths in sorted(found.items())}


def _require_complete(listed: Sequence[ListedClip]) -> None:
    def lacking(name: str) -> list[str]:
        return [clip.stem for clip in listed if not getattr(clip, name)]

    raise_problems(
        {
            ("Listed clips without a sign", "Correct the metadata."): lacking("sign"),
            (
                "Listed clips without a signer beside those that have one",
                "Correct the metadata.",
            ): lacking("signer") if any(clip.signer for clip in listed) else [],
            ("Splits other than train, val and test", "Correct the metadata."): sorted(
                {clip.split for clip in listed} - {*SPLITS, ""}
            ),
        }
    )


def _row(clip: ListedClip, path: str) -> dict[str, str | int]:
    start, end = ("", "") if (clip.start, clip.end) == (0, -1) else (clip.start, clip.end)
    row = {"path": path, "sign": clip.sign, "signer": clip.signer, "split": clip.split}
    return {**row, "start": start, "end": end}
