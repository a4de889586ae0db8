"""Where clips come from, by name: `sample`, `asl_signs` or `arrays`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gislr.data.preparation import prepare_asl_signs
from gislr.data.preprocessing import PreprocessingSettings, reference
from gislr.data.sources.arrays import prepare_arrays
from gislr.data.store import Store
from gislr.utils.errors import SettingError, unknown_name
from gislr.utils.paths import resolve, resolve_here
from gislr.utils.settings import read_settings

Progress = Callable[[str, int], Callable[[int], None]]
"""Called with a description and a total; returns what counts the clips done."""


@dataclass(frozen=True)
class AslSignsSettings:
    """A folder in the layout of the Kaggle set.

    Attributes:
        root: The folder; a relative one counts from the working directory.
    """

    root: str


@dataclass(frozen=True)
class ArraysSettings:
    """The report's prepared arrays.

    Attributes:
        root: Folder of X.npy, y.npy and NON_EMPTY_FRAME_IDXS.npy.
        participants: File in it that names each clip's signer, .npy or .csv.
    """

    root: str
    participants: str


@dataclass(frozen=True)
class PreparationSettings:
    """How data is prepared; changes no number.

    Attributes:
        cache: Folder of what was prepared; a relative one counts from the project's root.
        workers: Number of processes; all cores when `null`.
    """

    cache: str
    workers: int | None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SettingError(
                "preparation.workers must be at least 1, or null for all cores; "
                f"got {self.workers}."
            )


def load_store(
    section: Mapping[str, Any],
    preprocessing: PreprocessingSettings,
    preparation: PreparationSettings,
    progress: Progress,
) -> Store:
    """Opens the prepared store of a data source, preparing it when it is new.

    Args:
        section: The `data` section of a configuration.
        preprocessing: How raw clips become frames.
        preparation: Where and with how many processes.
        progress: Shows how far a preparation is.

    Raises:
        SettingError: A key or value cannot be used.
        DataError: The data cannot.
    """
    name = section.get("name")
    if name not in SOURCES:
        raise unknown_name("data.name", name, SOURCES)
    return SOURCES[str(name)](_values(section), preprocessing, preparation, progress)


def raw_clips_folder(
    section: Mapping[str, Any], preparation: PreparationSettings, progress: Progress
) -> Path | None:
    """Returns the folder from which the paths of a data source's clips count.

    Args:
        section: The `data` section of a configuration.
        preparation: Where simulated clips are kept.
        progress: Shows how far a simulation is.

    Returns:
        The folder, or `None` for a source that holds no raw clips.
    """
    find = _FOLDERS.get(str(section["name"]))
    return find(_values(section), preparation, progress) if find else None


def _values(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key != "name"}


def _sample_folder(
    values: Mapping[str, Any], preparation: PreparationSettings, progress: Progress
) -> Path:
    from gislr.data.simulation import SimulationSettings
    from gislr.data.sources.sample import sample_folder

    return sample_folder(
        read_settings(SimulationSettings, values, "data"),
        resolve(preparation.cache) / "samples",
        lambda clips: progress("Simulating clips", clips),
    )


def _asl_signs_folder(
    values: Mapping[str, Any], preparation: PreparationSettings, progress: Progress
) -> Path:
    return resolve_here(read_settings(AslSignsSettings, values, "data").root)


_FOLDERS: dict[str, Callable[..., Path]] = {
    "sample": _sample_folder,
    "asl_signs": _asl_signs_folder,
}


def _prepare(
    folder: Callable[..., Path],
    values: Mapping[str, Any],
    preprocessing: PreprocessingSettings,
    preparation: PreparationSettings,
    progress: Progress,
) -> Store:
    return prepare_asl_signs(
        folder(values, preparation, progress),
        settings=preprocessing,
        cache=resolve(preparation.cache) / "stores",
        workers=preparation.workers,
        advance=lambda clips: progress("Preparing clips", clips),
    )


def _arrays(
    values: Mapping[str, Any],
    preprocessing: PreprocessingSettings,
    preparation: PreparationSettings,
    progress: Progress,
) -> Store:
    settings = read_settings(ArraysSettings, values, "data")
    if replace(preprocessing, axes="xy") != reference(preprocessing.frames):
        raise SettingError(
            "data=arrays holds what preprocessing=reference makes of raw clips; "
            f"got preprocessing.name={preprocessing.name} and "
            f"preprocessing.landmarks={preprocessing.landmarks}. Use data=asl_signs for others."
        )
    return prepare_arrays(
        resolve_here(settings.root),
        settings.participants,
        axes=preprocessing.axes,
        cache=resolve(preparation.cache) / "stores",
    )


SOURCES: dict[str, Callable[..., Store]] = {
    **{name: partial(_prepare, folder) for name, folder in _FOLDERS.items()},
    "arrays": _arrays,
}
