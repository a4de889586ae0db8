"""Finds runs: by id, by registered model, by experiment."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from gislr.config.configuration import Configuration, read_configuration
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.run_reader import FINISHED_ONLY, PARENT_TAG, LoggedRun
from gislr.tracking.tracking_store import connect
from gislr.tracking.training_record import HELD_OUT, PRETRAINED
from gislr.utils.errors import GislrError

REGISTERED = "models:/"
"""How names of registered models begin."""


def find_run(
    settings: TrackingSettings, run_id: str, *, may_be_pretraining: bool = False
) -> LoggedRun:
    """Finds a run by its id.

    Args:
        settings: The store.
        run_id: The id.
        may_be_pretraining: Whether a run will do whose model knows no sign.

    Raises:
        GislrError: The store has no such run, or it is a pretraining where that will not do.
    """
    from mlflow.exceptions import MlflowException

    client, _ = connect(settings, create=False)
    try:
        run = LoggedRun.of(client, run_id)
    except MlflowException:
        raise GislrError(
            f"run must be the id of a run in the tracking store; there is no {run_id!r}. "
            "MLflow's pages (gislr ui) show the ids."
        ) from None
    if PRETRAINED in run.tags and not may_be_pretraining:
        raise GislrError(
            f"run must be one that learned signs; run {run_id} was pretrained without labels. "
            f"Train from it with gislr train model.from={run_id}, and name that run."
        )
    return run


def registered_run(settings: TrackingSettings, model: str) -> LoggedRun:
    """Finds the run of a registered model, `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Raises:
        GislrError: There is none of this name.
    """
    from mlflow.exceptions import MlflowException

    client, _ = connect(settings, create=False)
    name, separator, alias = model.removeprefix(REGISTERED).partition("@")
    try:
        if separator:
            version = client.get_model_version_by_alias(name, alias)
        else:
            name, _, number = name.rpartition("/")
            version = client.get_model_version(name, number)
        return LoggedRun.of(client, version.run_id)
    except MlflowException:
        raise not_registered(model) from None


def read_with_run_id(config: DictConfig) -> Configuration:
    """Reads a configuration; a registered model to start from, whose alias may move, is a run.

    Raises:
        GislrError: A value cannot be used, or there is no such model.
    """
    configuration = read_configuration(config)
    name = configuration.pretrained.from_ or ""
    if not name.startswith(REGISTERED):
        return configuration
    run_id = registered_run(configuration.tracking, name).run_id
    return read_configuration(
        OmegaConf.merge(config, {"model": {"from": run_id}})  # type: ignore[arg-type]
    )


def not_registered(model: str) -> GislrError:
    """Returns the error for a name that no registered model has."""
    return GislrError(
        f"model must be a registered one, such as models:/gislr@champion; there is no {model!r}. "
        "gislr final registers models."
    )


def newest_validated(settings: TrackingSettings, experiment: str) -> LoggedRun:
    """Returns the newest run of a named experiment that held clips out.

    If that run is part of a cross-validation, returns the cross-validation.

    Args:
        settings: The store, and which of MLflow's experiments.
        experiment: A name of `experiments/`.

    Raises:
        GislrError: There is none.
    """
    client, experiment_id = connect(settings, create=False)
    query = f"tags.experiment = '{experiment}' and {FINISHED_ONLY}"
    can_be = experiment_id and "'" not in experiment  # MLflow's queries know no way to quote it
    for run in client.search_runs([experiment_id], query) if can_be else []:
        if run.data.tags.get(HELD_OUT) in (None, "none") or PRETRAINED in run.data.tags:
            continue
        parent = run.data.tags.get(PARENT_TAG)
        whole = client.get_run(parent) if parent else run
        return LoggedRun.of(client, whole if "cv_weighted_f1" in whole.data.metrics else run)
    raise GislrError(
        f"{experiment!r} must have been validated before it is trained on all signers, and "
        f"MLflow's experiment {settings.experiment!r} holds no finished run of it; run gislr "
        f"cross_validate +experiments={experiment} first."
    )


def finished_runs(settings: TrackingSettings, experiment: str) -> list[LoggedRun]:
    """Returns an experiment's finished runs that are not part of another, oldest first.

    Raises:
        GislrError: There is no such experiment, or it holds none.
    """
    client, experiment_id = connect(
        settings.model_copy(update={"experiment": experiment}), create=False
    )
    if experiment_id and (found := _whole_runs(client, experiment_ids=[experiment_id])):
        return found
    raise GislrError(f"experiment must hold finished runs; {experiment!r} holds none.")


def runs_by_experiment(settings: TrackingSettings) -> dict[str, list[LoggedRun]]:
    """Returns the finished runs that have no parent, oldest first, by name of `experiments/`."""
    client, _ = connect(settings, create=False)
    found: dict[str, list[LoggedRun]] = {}
    for run in _whole_runs(client, search_all_experiments=True):
        if (experiment := run.tags.get("experiment", "none")) != "none":
            found.setdefault(experiment, []).append(run)
    return found


def _whole_runs(client: Any, **where: Any) -> list[LoggedRun]:
    """Returns the finished runs that know signs and are not part of another, oldest first."""
    import mlflow

    order = ["attributes.start_time ASC"]
    # Unlike the client's, this search has no limit of 1,000 runs.
    found = mlflow.search_runs(
        filter_string=FINISHED_ONLY, order_by=order, output_format="list", **where
    )
    other = {PARENT_TAG, PRETRAINED}
    return [LoggedRun.of(client, run) for run in found if not other & run.data.tags.keys()]
