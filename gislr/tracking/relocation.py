"""Follows a tracking store to another folder: MLflow's database holds absolute paths."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

ARTIFACTS = "artifacts"
"""The folder beside the database with what runs have written."""

_PATIENCE = 20.0
"""Seconds for other processes to end what they write, as many as MLflow gives them."""

_LOCATIONS = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}


def follow_move(database: Path) -> None:
    """Lets the runs of a store that was moved or copied find their artifacts beside it again.

    Only locations that this package has chosen are rewritten, and only when the artifacts are
    there: an experiment of another folder keeps its own.

    Args:
        database: The sqlite file; a lock is held on its folder.

    Raises:
        sqlite3.Error: It cannot be read, or must be rewritten and cannot be.
    """
    if not database.is_file():
        return
    here = database.with_name(ARTIFACTS)
    with closing(sqlite3.connect(database, timeout=_PATIENCE)) as connection, connection:
        columns = [
            (table, column)
            for table, names in _LOCATIONS.items()
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
            if column in names
        ]
        if ("experiments", "artifact_location") not in columns:
            return
        locations = connection.execute("SELECT artifact_location FROM experiments").fetchall()
        for former in {left for (location,) in locations if (left := _left(location, here))}:
            for table, column in columns:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (f"{here.as_uri()}/", len(former) + 1, len(former), former),
                )


def _left(location: str | None, here: Path) -> str | None:
    """Returns the start of a location that was left: the URI of another folder of artifacts."""
    root, separator, name = (location or "").rpartition(f"/{ARTIFACTS}/")
    former = Path(unquote(urlsplit(root).path)) / ARTIFACTS
    if not root.startswith("file:") or former == here or not (here / unquote(name)).is_dir():
        return None
    # The same folder by another name, such as a link.
    if former.is_dir() and former.samefile(here):
        return None
    return root + separator
