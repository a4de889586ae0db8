"""Workers of one study run the same code on the same data: else their trials do not compare."""

from __future__ import annotations

from importlib import metadata

from gislr.config.configuration import Configuration, open_also, open_data
from gislr.tracking import provenance
from gislr.tracking.training_record import data_tags
from gislr.utils.errors import GislrError
from hydra_plugins.optuna_sweeper import Sweep, is_local

WORK = "work"
"""Attribute of studies: the code, and the data by its tags, of the worker that began it."""

_CODE, _VERSION = "code", "version"


def require_same_work(sweep: Sweep, configuration: Configuration) -> None:
    """Refuses a worker whose code or data is not that of the study; a new study keeps them.

    Data may be at another place on each machine; its content counts. Where a launcher runs the
    trials, this process may lack it.

    Raises:
        GislrError: The code or the data is not the same, or the data cannot be used.
    """
    data = (
        data_tags(open_data(configuration), open_also(configuration))
        if is_local(sweep.config)
        else {}
    )
    own = {_CODE: provenance.code_digest(), _VERSION: _version(), **data}

    def first_work(is_repeated: bool) -> dict[str, str]:
        first: dict[str, str] = sweep.study.user_attrs.get(WORK, {})
        if missing := own.keys() - first.keys():
            first = {**first, **{key: own[key] for key in missing}}
            sweep.study.set_user_attr(WORK, first)
        return first

    first = sweep.in_turn(first_work)
    instead = (
        "or choose another hydra.sweeper.study_name; with sweep.warm_start=NAME it begins with the "
        "best trials of this one."
    )
    if own[_CODE] != first[_CODE]:
        raise GislrError(
            f"Every worker of the study {sweep.name!r} must run the code that began it, "
            f"{first[_VERSION]}; this one runs {own[_VERSION]}. Check out the same commit, "
            f"{instead}"
        )
    for tag, fingerprint in data.items():
        if fingerprint != first[tag]:
            raise GislrError(
                f"Every worker of the study {sweep.name!r} must have the same data; its {tag} is "
                f"{first[tag][:12]}, and this one's is {fingerprint[:12]}. Copy the data, {instead}"
            )


def _version() -> str:
    git = provenance.git_tags()
    edits = " with edits" if git["git.dirty"] == "True" else ""
    return f"gislr {metadata.version('gislr')} at commit {git['git.commit'][:12]}{edits}"
