"""Describes data before training: counts, lengths, hands and suspect clips on one page."""

from __future__ import annotations

from omegaconf import DictConfig

from gislr.config.configuration import open_data, read_configuration
from gislr.evaluation.reports.data_page import data_page, suspect_clips
from gislr.utils.log import log
from gislr.utils.paths import atomic_file, resolve_here


def describe(config: DictConfig) -> str:
    """Writes `description.html` into the working directory.

    Returns:
        The file's path.

    Raises:
        GislrError: The configuration or the data is invalid.
    """
    configuration = read_configuration(config)
    store = open_data(configuration)
    name = configuration.data.name
    simulated = " (simulated)" if name == "sample" else ""
    file = resolve_here("description.html")
    suspects = suspect_clips(store)
    page = data_page(f"Data: {name}{simulated}", store, suspects)
    with atomic_file(file) as part:
        part.write_text(page.html(), encoding="utf-8")
    log.info(f"data: {name}, {store.summary()}")
    found = suspects["problem"].value_counts()
    named = ", ".join(f"{count} {problem}" for problem, count in found.items())
    log.info(f"suspect clips: {named or 'none'}\nwritten to {file}")
    return str(file)
