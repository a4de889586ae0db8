"""Reads a run: its configuration, its weights and its predictions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gislr.config.configuration import Configuration, read_configuration
from gislr.data.held_out import HeldOut
from gislr.data.label_map import LABEL_MAP, read_label_map
from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
from gislr.tracking.tracking_store import TrackingError
from gislr.tracking.training_record import (
    EVALUATION,
    FORMAT,
    HELD_OUT_FILE,
    RUN_FORMAT,
    SWEEP,
    WEIGHTS,
)
from gislr.utils.errors import GislrError

MEMBERS = "members"
"""Tag of a final run of several seeds: the ids of the trainings that it averages."""

PARENT_TAG = "mlflow.parentRunId"

OUT_OF_FOLD = "out_of_fold"
"""Artifact of a cross-validation: the pooled predictions of each seed."""

FINISHED_ONLY = "attributes.status = 'FINISHED'"
"""Of MLflow's searches: runs that have ended well."""


@dataclass(frozen=True)
class LoggedRun:
    """A run in the tracking store.

    Attributes:
        client: An `mlflow.MlflowClient`.
        parameters: As text.
        metrics: The last value of each.
        status: `RUNNING`, `FINISHED`, `FAILED` or `KILLED`.
    """

    client: Any
    run_id: str
    name: str
    experiment_id: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    status: str

    @classmethod
    def of(cls, client: Any, run: Any) -> LoggedRun:
        """Returns a run of MLflow, or the one of an id."""
        if isinstance(run, str):
            run = client.get_run(run)
        return cls(
            client=client,
            run_id=run.info.run_id,
            name=run.info.run_name,
            experiment_id=run.info.experiment_id,
            parameters=dict(run.data.params),
            metrics=dict(run.data.metrics),
            tags=dict(run.data.tags),
            status=run.info.status,
        )

    def artifact(self, path: str, folder: Path) -> Path:
        """Copies an artifact into a folder and returns its place.

        Raises:
            TrackingError: The run has none of this name, or a newer gislr recorded it.
        """
        from mlflow.exceptions import MlflowException

        found = self.tags.get(FORMAT, str(RUN_FORMAT))  # the first ones had no tag
        if found != str(RUN_FORMAT):
            raise TrackingError(
                f"Run {self.run_id} must be of format {RUN_FORMAT}, which this gislr reads; it is "
                f"of format {found}. Update gislr."
            )
        try:
            return Path(self.client.download_artifacts(self.run_id, path, str(folder)))
        except (MlflowException, OSError):
            raise TrackingError(
                f"Run {self.run_id} must hold {path}, but it does not; it ended early, or an older "
                "gislr recorded it."
            ) from None

    @contextmanager
    def _copy(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield self.artifact(path, Path(folder))

    def training(self) -> LoggedRun:
        """Returns the training whose configuration the run stands for.

        That is the run itself, a sweep's best trial, or one fold of a cross-validation.

        Raises:
            GislrError: The run is a sweep or a cross-validation without a finished training.
        """
        if SWEEP not in self.tags:
            return self
        if best := self.tags.get("best.run_id"):
            return LoggedRun.of(self.client, best).training()
        query = f"tags.`{PARENT_TAG}` = '{self.run_id}' and {FINISHED_ONLY}"
        children = self.client.search_runs([self.experiment_id], query, max_results=1)
        if not children:
            raise GislrError(f"Run {self.run_id} must hold a finished training; it holds none yet.")
        return LoggedRun.of(self.client, children[0])

    def was_chosen(self) -> bool:
        """Tells whether it belongs to a trial of a sweep, which selects the best of them."""
        if PARENT_TAG not in self.tags:
            return False
        parent = LoggedRun.of(self.client, self.tags[PARENT_TAG])
        return "best.run_id" in parent.tags or parent.was_chosen()

    def members(self) -> list[LoggedRun]:
        """Returns the trainings that it averages; of a single training, itself."""
        names = self.tags.get(MEMBERS)
        return [LoggedRun.of(self.client, name) for name in names.split(",")] if names else [self]

    def configuration(self) -> Configuration:
        """Returns the configuration of its training.

        Raises:
            GislrError: It refers to this machine, as `${oc.env:...}` does.
        """
        with self._copy("config.yaml") as file:
            text = file.read_text(encoding="utf-8")
        if "${" in text:
            raise GislrError(
                f"config.yaml of run {self.run_id} must hold plain values, as gislr writes them; "
                "it holds ${...}, which would be read from this machine."
            )
        return read_configuration(OmegaConf.create(text))  # type: ignore[arg-type]

    def signs(self) -> list[str]:
        """Returns the glosses in the order of their labels."""
        with self._copy(LABEL_MAP) as file:
            return read_label_map(file)

    def held_out(self) -> HeldOut:
        """Returns which clips it was validated on."""
        with self._copy(HELD_OUT_FILE) as file:
            return HeldOut(**json.loads(file.read_text(encoding="utf-8")))

    def load_weights(self, model: Any) -> None:
        """Loads its weights into a model of its configuration."""
        with self._copy(WEIGHTS) as file:
            model.load_weights(file)

    def history(self) -> dict[str, list[float]]:
        """Returns the values of each metric by epoch; of those of the whole run, the last one."""
        return {
            name: [point.value for point in self.client.get_metric_history(self.run_id, name)]
            for name in self.metrics
        }

    def predictions(self) -> list[ClipPredictions]:
        """Returns its predictions of the clips held out: one, or one for each seed.

        Raises:
            GislrError: It held nothing out.
        """
        if SWEEP not in self.tags:
            with self._copy(f"{EVALUATION}/{FILE}") as file:
                return [ClipPredictions.load(file)]
        with self._copy(OUT_OF_FOLD) as folder:
            return [ClipPredictions.load(file) for file in sorted(folder.glob("*.parquet"))]
