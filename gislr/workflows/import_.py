"""Writes the manifest of a published set, from the set's own metadata files."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from gislr.data.importers import IMPORTERS
from gislr.data.manifest_rows import MANIFEST
from gislr.data.manifest_writer import write_manifest
from gislr.utils.errors import SettingError
from gislr.utils.log import log
from gislr.utils.paths import resolve_here
from gislr.utils.settings import Text
from gislr.workflows.command_settings import CommandSettings, read_command


class ImportSettings(CommandSettings):
    """Settings of `gislr import`; `conf/import.yaml` explains the keys."""

    dataset: list[Text]
    clips: Text | None
    output: Text | None


def import_(config: DictConfig) -> Path:
    """Writes the manifest of a published set, and returns its file.

    Raises:
        GislrError: The set is unknown, or its metadata or files cannot be used.
    """
    settings = read_command(ImportSettings, config)
    if len(settings.dataset) != 2:
        raise SettingError(
            f"Name a set and its folder, for instance gislr import wlasl ROOT; the sets are "
            f"{', '.join(IMPORTERS.names())}."
        )
    name, folder = settings.dataset
    root = resolve_here(folder)
    written = write_manifest(
        IMPORTERS[name](),
        root,
        None if settings.clips is None else resolve_here(settings.clips),
        root / MANIFEST if settings.output is None else resolve_here(settings.output),
    )
    log.info(f"wrote {written.summary()}")
    return written.path
