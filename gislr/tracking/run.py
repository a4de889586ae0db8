"""One tracked run: what is written into it, and how it ends."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.outbox import Outbox, attempt
from gislr.tracking.store import SQLITE, TrackingError, connect, tracking_uri
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import is_gone, owner_tag

FINISHED, FAILED, KILLED, RUNNING = "FINISHED", "FAILED", "KILLED", "RUNNING"
REASON = "gislr.reason"
PROCESS = "gislr.process"
TRIAL_STATE = "trial.state"
_LONGEST_VALUE, _PARAMETERS_AT_ONCE = 5000, 100
_PATIENCE, _ASKED_EVERY = 3600, 5


class TrackedRun:
    """Writes into one MLflow run; what the store does not take is kept, see `Outbox`.

    Args:
        client: An `mlflow.MlflowClient`.
        run_id: The run's id.
        name: The run's name.
        experiment: Name of its experiment.
        logged: What it holds already and is not written again: metrics by name and step, and
            parameters by name.
    """

    def __init__(
        self,
        client: Any,
        run_id: str,
        name: str,
        experiment: str,
        logged: Container[tuple[str, int] | str] = (),
    ) -> None:
        self.client = client
        self.run_id = run_id
        self.name = name
        self.experiment = experiment
        self._logged = logged
        self._outbox = Outbox(client, run_id)

    def parameters(self, values: Mapping[str, object]) -> None:
        """Writes parameters by dotted key; MLflow cuts values over 6,000 characters."""
        new = {
            key: str(value)[:_LONGEST_VALUE]
            for key, value in values.items()
            if key not in self._logged
        }
        for start in range(0, len(new), _PARAMETERS_AT_ONCE):
            part = list(new.items())[start : start + _PARAMETERS_AT_ONCE]
            self._outbox.put("values", {"parameters": dict(part)})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Writes metrics in one request; what is no finite number is left out."""
        new = {
            name: float(value)
            for name, value in values.items()
            if math.isfinite(value) and (name, step) not in self._logged
        }
        if new:
            self._outbox.put("values", {"metrics": new, "step": step, "time": _now()})

    def tags(self, values: Mapping[str, str]) -> None:
        """Writes tags."""
        cut = {key: value[:_LONGEST_VALUE] for key, value in values.items()}
        self._outbox.put("values", {"tags": cut})

    def dataset(self, name: str, fingerprint: str, source: str, context: str) -> None:
        """Notes the data that the run used, as an MLflow dataset.

        Args:
            name: The data source's name.
            fingerprint: Digest of its content.
            source: Where it lies.
            context: What for, such as `training`.
        """
        digest = fingerprint[:32]
        content = {"name": name, "digest": digest, "source": source, "context": context}
        self._outbox.put("dataset", content)

    @contextmanager
    def folder(self, path: str | None = None) -> Iterator[Path]:
        """Yields an empty folder whose files become artifacts under `path`."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
            self._outbox.put("artifacts", {"path": path}, Path(folder))

    def model(self, name: str, folder: Path) -> None:
        """Logs a model that MLflow has saved into a folder."""
        self._outbox.put("model", {"name": name}, folder)

    def end(self, status: str, reason: str | None = None) -> None:
        """Ends the run, and says how to send what the store did not take."""
        if reason is not None:
            self.tags({REASON: reason})
        self._outbox.put("end", {"status": status, "time": _now()})
        if status == FINISHED and self._outbox.entries():
            self._outbox.flush()
        if left := len(self._outbox.entries()):
            log.warning(
                f"The tracking store still lacks {left} entries of run {self.run_id}; once it "
                "answers, send them with: gislr sync"
            )


def _now() -> int:
    return int(time.time() * 1000)


@contextmanager
def tracked_run(
    settings: TrackingSettings,
    tags: Mapping[str, str],
    resumed: str | None = None,
    *,
    patient: bool = False,
) -> Iterator[TrackedRun]:
    """Starts a run and ends it as FINISHED, FAILED or KILLED, with the reason as a tag.

    A pruned trial is KILLED and says so in the tag `trial.state`, too.

    Runs of this machine that still say RUNNING although their process is gone are marked first.

    Args:
        settings: Where the run is kept.
        tags: The run's first tags.
        resumed: The id of a run that is gone on with instead.
        patient: Whether a tracking server that does not answer is waited for.
    """
    from optuna import TrialPruned

    tags = {**tags, PROCESS: owner_tag()}

    def begin() -> TrackedRun:
        client, experiment_id = connect(settings)
        mark_vanished(client, experiment_id)
        if resumed:
            return _begun_again(client, settings, resumed, tags)
        return _begun(client, settings, experiment_id, tags)

    served = not tracking_uri(settings.uri).startswith(SQLITE)
    run = _patiently(begin) if patient and served else begin()
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
    run.end(FINISHED)


def _patiently(begin: Callable[[], TrackedRun]) -> TrackedRun:
    """Begins a run as soon as the server answers."""
    began = time.monotonic()
    begun: list[TrackedRun] = []
    told = False
    while (failure := attempt(lambda: begun.append(begin()))) is not None:
        if time.monotonic() - began > _PATIENCE:
            raise TrackingError(
                f"The tracking server must answer within {_PATIENCE / 60:.0f} minutes; {failure}"
            )
        if not told:
            log.warning(f"The tracking server does not answer ({failure}); it is waited for.")
            told = True
        time.sleep(_ASKED_EVERY)
    return begun[0]


def _begun(
    client: Any, settings: TrackingSettings, experiment_id: str, tags: Mapping[str, str]
) -> TrackedRun:
    from mlflow.tracking.context.registry import resolve_tags

    created = client.create_run(
        experiment_id, tags=resolve_tags(dict(tags)), run_name=settings.run_name
    )
    return TrackedRun(client, created.info.run_id, created.info.run_name, settings.experiment)


def _begun_again(
    client: Any, settings: TrackingSettings, run_id: str, tags: Mapping[str, str]
) -> TrackedRun:
    Outbox(client, run_id).flush()
    found = client.get_run(run_id)
    metrics = {
        (name, metric.step)
        for name in found.data.metrics
        for metric in client.get_metric_history(run_id, name)
    }
    logged = {*metrics, *found.data.params}
    client.update_run(run_id, status=RUNNING)
    if REASON in found.data.tags:
        client.delete_tag(run_id, REASON)
    run = TrackedRun(client, run_id, found.info.run_name, settings.experiment, logged)
    run.tags({PROCESS: tags[PROCESS]})
    return run


def _end(run: TrackedRun, status: str, reason: str) -> None:
    # What went wrong must not be hidden by a tracker that is gone and a disk that is full, too.
    with suppress(Exception):
        run.end(status, reason.splitlines()[0])


def mark_vanished(client: Any, experiment_id: str) -> None:
    """Marks runs as KILLED whose process, on this machine, is gone without ending them."""
    running = client.search_runs([experiment_id], f"attributes.status = '{RUNNING}'")
    for run in running:
        if is_gone(run.data.tags.get(PROCESS, "")):
            client.set_tag(run.info.run_id, REASON, "The process was killed.")
            client.set_terminated(run.info.run_id, KILLED)
