"""One tracked run: what is written into it, and how it ends."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gislr.tracking.store import TrackingSettings, connect
from hydra_plugins.optuna_sweeper import is_gone, owner_tag

FINISHED, FAILED, KILLED, RUNNING = "FINISHED", "FAILED", "KILLED", "RUNNING"
REASON = "gislr.reason"
PROCESS = "gislr.process"
TRIAL_STATE = "trial.state"
_LONGEST_VALUE = 5000
_VALUES_AT_ONCE = 100


class TrackedRun:
    """Writes into one MLflow run.

    Args:
        client: An `mlflow.MlflowClient`.
        run_id: The run's id.
        name: The run's name.
        experiment: Name of its experiment.
    """

    def __init__(self, client: Any, run_id: str, name: str, experiment: str) -> None:
        self.client = client
        self.run_id = run_id
        self.name = name
        self.experiment = experiment

    def parameters(self, values: Mapping[str, object]) -> None:
        """Writes parameters by dotted key; MLflow cuts values over 6,000 characters."""
        from mlflow.entities import Param

        entries = [Param(key, str(value)[:_LONGEST_VALUE]) for key, value in values.items()]
        for start in range(0, len(entries), _VALUES_AT_ONCE):
            self.client.log_batch(self.run_id, params=entries[start : start + _VALUES_AT_ONCE])

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Writes metrics in one request; what is no finite number is left out."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.client.log_batch(
            self.run_id,
            metrics=[
                Metric(name, float(value), now, step or 0)
                for name, value in values.items()
                if math.isfinite(value)
            ],
        )

    def tags(self, values: Mapping[str, str]) -> None:
        """Writes tags."""
        from mlflow.entities import RunTag

        entries = [RunTag(key, value[:_LONGEST_VALUE]) for key, value in values.items()]
        self.client.log_batch(self.run_id, tags=entries)

    def dataset(self, name: str, fingerprint: str, source: str, context: str) -> None:
        """Notes the data that the run used, as an MLflow dataset.

        Args:
            name: The data source's name.
            fingerprint: Digest of its content.
            source: Where it lies.
            context: What for, such as `training`.
        """
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        dataset = MetaDataset(
            CodeDatasetSource({"path": source}), name=name, digest=fingerprint[:32]
        )
        self.client.log_inputs(
            self.run_id,
            [DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", context)])],
        )

    @contextmanager
    def folder(self, path: str | None = None) -> Iterator[Path]:
        """Yields an empty folder whose files become artifacts under `path`."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
            self.client.log_artifacts(self.run_id, folder, path)


@contextmanager
def tracked_run(settings: TrackingSettings, tags: Mapping[str, str]) -> Iterator[TrackedRun]:
    """Starts a run and ends it as FINISHED, FAILED or KILLED, with the reason as a tag.

    A pruned trial is KILLED and says so in the tag `trial.state`, too.

    Runs of this machine that still say RUNNING although their process is gone are marked first.

    Args:
        settings: Where the run is kept.
        tags: The run's first tags.
    """
    import mlflow
    from optuna import TrialPruned

    client, experiment_id = connect(settings)
    mark_vanished(client, experiment_id)
    created = mlflow.start_run(
        experiment_id=experiment_id,
        run_name=settings.run_name,
        tags={**tags, PROCESS: owner_tag()},
    )
    run = TrackedRun(client, created.info.run_id, created.info.run_name, settings.experiment)
    try:
        yield run
    except TrialPruned as error:
        run.tags({TRIAL_STATE: "pruned"})
        _end(run, KILLED, str(error))
        raise
    except KeyboardInterrupt as error:
        _end(run, KILLED, type(error).__name__)
        raise
    except BaseException as error:
        _end(run, FAILED, f"{type(error).__name__}: {error}")
        raise
    mlflow.end_run(FINISHED)


def _end(run: TrackedRun, status: str, reason: str) -> None:
    import mlflow

    # What went wrong must not be hidden by a tracker that is gone, too.
    with suppress(Exception):
        run.tags({REASON: reason.splitlines()[0]})
    with suppress(Exception):
        mlflow.end_run(status)


def mark_vanished(client: Any, experiment_id: str) -> None:
    """Marks runs as KILLED whose process, on this machine, is gone without ending them."""
    running = client.search_runs([experiment_id], f"attributes.status = '{RUNNING}'")
    for run in running:
        if is_gone(run.data.tags.get(PROCESS, "")):
            client.set_tag(run.info.run_id, REASON, "The process was killed.")
            client.set_terminated(run.info.run_id, KILLED)
