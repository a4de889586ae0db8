"""Reads a run back: its configuration, its model and what it predicted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gislr.config.configuration import Configuration, read_configuration
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
from gislr.tracking.record import SWEEP, WEIGHTS
from gislr.tracking.store import connect
from gislr.utils.errors import GislrError

MEMBERS = "members"
"""Tag of a final run of several seeds: the ids of the trainings that it averages."""

OUT_OF_FOLD = "out_of_fold"
"""Folder of a cross-validation's run with the pooled predictions of each seed."""


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow keeps it.

    Attributes:
        client: An `mlflow.MlflowClient`.
        run_id: The run's id.
        name: Its name.
        experiment_id: Its experiment's.
        parameters: Its parameters, text.
        metrics: The last value of each metric.
        tags: Its tags.
    """

    client: Any
    run_id: str
    name: str
    experiment_id: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    def artifact(self, path: str, folder: Path) -> Path:
        """Copies an artifact into a folder and returns where it is.

        Raises:
            GislrError: The run has none of this name.
        """
        from mlflow.exceptions import MlflowException

        try:
            return Path(self.client.download_artifacts(self.run_id, path, str(folder)))
        except (MlflowException, OSError):
            raise GislrError(
                f"Run {self.run_id} must hold {path}, but it does not; it has ended early, or was "
                "made by an older gislr."
            ) from None

    def shared_artifacts(self) -> list[str]:
        """Returns the artifacts that several trainings on the same data share."""
        present = {entry.path for entry in self.client.list_artifacts(self.run_id)}
        shared = ("config.yaml", "held_out_signers.txt", LABEL_MAP, "statistics")
        return [path for path in shared if path in present]

    def training(self) -> LoggedRun:
        """Returns the training whose configuration the run stands for.

        That is the run itself, a sweep's best trial, or one fold of a cross-validation.

        Raises:
            GislrError: The run holds others, but none of them has ended.
        """
        if SWEEP not in self.tags:
            return self
        if best := self.tags.get("best.run_id"):
            return logged_run(self.client, self.client.get_run(best))
        query = f"tags.`mlflow.parentRunId` = '{self.run_id}' and attributes.status = 'FINISHED'"
        children = self.client.search_runs([self.experiment_id], query, max_results=1)
        if not children:
            raise GislrError(f"Run {self.run_id} must hold a finished training; it holds none yet.")
        return logged_run(self.client, children[0])

    def was_chosen(self) -> bool:
        """Tells whether it is a trial of a sweep that names its best one."""
        parent = self.tags.get("mlflow.parentRunId")
        return bool(parent) and "best.run_id" in self.client.get_run(parent).data.tags

    def members(self) -> list[LoggedRun]:
        """Returns the trainings whose models it averages; itself, for a single one."""
        names = self.tags.get(MEMBERS)
        found = names.split(",") if names else [self.run_id]
        return [logged_run(self.client, self.client.get_run(name)) for name in found]

    def configuration(self) -> Configuration:
        """Returns the configuration that it was trained with.

        Raises:
            GislrError: It asks for something of this machine, such as `${oc.env:...}`.
        """
        with tempfile.TemporaryDirectory() as folder:
            text = self.artifact("config.yaml", Path(folder)).read_text(encoding="utf-8")
        if "${" in text:
            raise GislrError(
                f"config.yaml of run {self.run_id} must hold plain values, as gislr writes them; "
                "it holds ${...}, which would be read from this machine."
            )
        return read_configuration(OmegaConf.create(text))  # type: ignore[arg-type]

    def signs(self) -> list[str]:
        """Returns the glosses in the order of their labels."""
        with tempfile.TemporaryDirectory() as folder:
            return read_label_map(self.artifact(LABEL_MAP, Path(folder)))

    def held_out(self) -> list[str]:
        """Returns the signers that it was not trained on."""
        with tempfile.TemporaryDirectory() as folder:
            file = self.artifact("held_out_signers.txt", Path(folder))
            return file.read_text(encoding="utf-8").splitlines()

    def load_weights(self, model: Any) -> None:
        """Puts its weights into a model of its configuration."""
        with tempfile.TemporaryDirectory() as folder:
            model.load_weights(self.artifact(WEIGHTS, Path(folder)))

    def predictions(self) -> list[ClipPredictions]:
        """Returns what it predicted of held-out signers' clips: one, or one for each seed.

        Raises:
            GislrError: It predicted nothing of signers held out.
        """
        with tempfile.TemporaryDirectory() as folder:
            if SWEEP in self.tags:
                files = sorted(self.artifact(OUT_OF_FOLD, Path(folder)).glob("*.parquet"))
            else:
                files = [self.artifact(f"evaluation/{FILE}", Path(folder))]
            return [ClipPredictions.load(file) for file in files]


def find_run(settings: TrackingSettings, run_id: str) -> LoggedRun:
    """Finds a run by its id.

    Raises:
        GislrError: The store has no such run.
    """
    from mlflow.exceptions import MlflowException

    client, _ = connect(settings, create=False)
    try:
        return logged_run(client, client.get_run(run_id))
    except MlflowException:
        raise GislrError(
            f"run must be the id of a run in the tracking store; there is no {run_id!r}. "
            "MLflow's pages (make ui) show the ids."
        ) from None


def newest_validated(settings: TrackingSettings, experiment: str) -> LoggedRun:
    """Returns the newest run of a named experiment that held signers out.

    Of a training that is part of a cross-validation, that is the cross-validation.

    Args:
        settings: Where runs are kept, and in which of MLflow's experiments.
        experiment: A name of `experiments/`.

    Raises:
        GislrError: There is none.
    """
    client, experiment_id = connect(settings, create=False)
    query = f"tags.experiment = '{experiment}' and attributes.status = 'FINISHED'"
    found = client.search_runs([experiment_id], query) if experiment_id else []
    for run in found:
        if run.data.tags.get("held_out_signers") in (None, "none"):
            continue
        parent = run.data.tags.get("mlflow.parentRunId")
        whole = client.get_run(parent) if parent else run
        return logged_run(client, whole if "cv_weighted_f1" in whole.data.metrics else run)
    raise GislrError(
        f"{experiment!r} must have been validated before it is trained on all signers, and "
        f"MLflow's experiment {settings.experiment!r} holds no finished run of it; run python -m "
        f"gislr.cross_validate +experiments={experiment} first."
    )


def finished_runs(settings: TrackingSettings, experiment: str) -> list[LoggedRun]:
    """Returns an experiment's finished runs that are no part of another, oldest first.

    Raises:
        GislrError: There is no such experiment, or it holds none.
    """
    client, _ = connect(settings, create=False)
    found = client.get_experiment_by_name(experiment)
    runs = (
        client.search_runs([found.experiment_id], "attributes.status = 'FINISHED'") if found else []
    )
    whole = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    if not whole:
        raise GislrError(f"experiment must hold finished runs; {experiment!r} holds none.")
    return [logged_run(client, run) for run in sorted(whole, key=lambda r: r.info.start_time)]


def logged_run(client: Any, run: Any) -> LoggedRun:
    """Returns MLflow's run in the form in which it is read here."""
    return LoggedRun(
        client=client,
        run_id=run.info.run_id,
        name=run.info.run_name,
        experiment_id=run.info.experiment_id,
        parameters=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
    )


def differing(values: Mapping[str, float], logged: Mapping[str, float]) -> list[str]:
    """Returns the names whose values are not the same to the last digit."""
    return [name for name, value in values.items() if value != logged.get(name)]
