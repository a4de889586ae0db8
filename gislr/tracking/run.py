"""Records one run: starts it, writes into it, and ends it with a status."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking.outbox import Outbox, attempt
from gislr.tracking.tracking_store import SQLITE, TrackingError, connect, tracking_uri
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import is_gone, owner_tag

FINISHED, FAILED, KILLED, RUNNING = "FINISHED", "FAILED", "KILLED", "RUNNING"
REASON, PROCESS, TRIAL_STATE = "gislr.reason", "gislr.process", "trial.state"
"""Tags: why a run ended early, the process that records it, and `pruned` of a pruned trial."""

RUN_NAME = "mlflow.runName"
"""MLflow's tag of a run's name."""

_LONGEST_VALUE, _PARAMETERS_AT_ONCE = 5000, 100
_LONGEST_WAIT, _ASK_EVERY = 60, 5  # minutes, seconds


@dataclass
class TrackedRun:
    """Writes into one MLflow run; `Outbox` keeps what the store does not accept.

    Attributes:
        client: An `mlflow.MlflowClient`.
        experiment: Name of its experiment.
        logged: What the run holds already and is not written twice: metrics by name and step, and
            parameters by name.
    """

    client: Any
    run_id: str
    name: str
    experiment: str
    logged: Container[tuple[str, int] | str] = ()

    def __post_init__(self) -> None:
        self._outbox = Outbox(self.client, self.run_id)

    def parameters(self, values: Mapping[str, object]) -> None:
        """Writes parameters by dotted key; MLflow cuts values over 6,000 characters."""
        new = [
            (key, str(value)[:_LONGEST_VALUE])
            for key, value in values.items()
            if key not in self.logged
        ]
        for start in range(0, len(new), _PARAMETERS_AT_ONCE):
            part = dict(new[start : start + _PARAMETERS_AT_ONCE])
            self._outbox.put("values", {"parameters": part})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Writes metrics in one request, except values that are not finite."""
        new = {
            name: float(value)
            for name, value in values.items()
            if math.isfinite(value) and (name, step) not in self.logged
        }
        if new:
            self._outbox.put("values", {"metrics": new, "step": step, "time": now()})

    def tags(self, values: Mapping[str, str]) -> None:
        """Writes tags."""
        cut = {key: value[:_LONGEST_VALUE] for key, value in values.items()}
        self._outbox.put("values", {"tags": cut})

    def dataset(self, name: str, fingerprint: str, source: str) -> None:
        """Records the data that the run trains on as an MLflow dataset; `source` is its place."""
        content = {"name": name, "digest": fingerprint[:32], "source": source}
        self._outbox.put("dataset", content | {"context": "training"})

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
        """Ends the run, and says how to send the entries that the store did not accept."""
        if reason is not None:
            self.tags({REASON: reason})
        self._outbox.put("end", {"status": status, "time": now()})
        if status == FINISHED:
            self._outbox.flush()
        if left := len(self._outbox.entries()):
            log.warning(
                f"The tracking store still lacks {left} entries of run {self.run_id}; once it "
                "answers, send them with: gislr sync"
            )


def now() -> int:
    """Returns the time as MLflow counts it, in milliseconds."""
    return int(time.time() * 1000)


@contextmanager
def tracked_run(
    settings: TrackingSettings,
    tags: Mapping[str, str],
    resumed: str | None = None,
    *,
    patient: bool = False,
) -> Iterator[TrackedRun]:
    """Starts or resumes a run; ends it as FINISHED, FAILED or KILLED, with the reason as a tag.

    A pruned trial is KILLED, and its tag `trial.state` is `pruned`.

    Args:
        settings: Where to record the run.
        tags: The run's first tags.
        resumed: The id of a run to resume instead.
        patient: Whether to wait for a tracking server that does not answer.
    """
    from optuna import TrialPruned

    served = not tracking_uri(settings.uri).startswith(SQLITE)
    began = now()
    run = _once_answered(lambda: _start(settings, tags, resumed, began), patient=patient and served)
    try:
        yield run
    except BaseException as error:
        status = KILLED if isinstance(error, KeyboardInterrupt | TrialPruned) else FAILED
        reason = f"{type(error).__name__}: {error}" if status == FAILED else str(error)
        # A store that is down and a full disk must not hide what went wrong.
        with suppress(Exception):
            if isinstance(error, TrialPruned):
                run.tags({TRIAL_STATE: "pruned"})
            run.end(status, (reason or type(error).__name__).splitlines()[0])
        raise
    run.end(FINISHED)


def _start(
    settings: TrackingSettings, tags: Mapping[str, str], resumed: str | None, began: int
) -> TrackedRun:
    from mlflow.tracking.context.registry import resolve_tags

    client, experiment_id = connect(settings)
    mark_vanished(client, experiment_id)
    if resumed is None:
        all_tags = resolve_tags(dict(tags))
        # A trial has a name of its own: the one of the settings is that of its sweep.
        name = tags.get(RUN_NAME, settings.run_name)
        run = create_run(client, experiment_id, all_tags, name, began)
        return TrackedRun(client, run.info.run_id, run.info.run_name, settings.experiment)
    Outbox(client, resumed).flush()
    run = client.get_run(resumed)
    metrics = {
        (name, metric.step)
        for name in run.data.metrics
        for metric in client.get_metric_history(resumed, name)
    }
    logged = {*metrics, *run.data.params}
    tracked = TrackedRun(client, resumed, run.info.run_name, settings.experiment, logged)
    mark_running(tracked)
    return tracked


def create_run(
    client: Any, experiment_id: str, tags: Mapping[str, str], name: str | None, began: int
) -> Any:
    """Creates a run once, although a server's answer may be lost and the request repeated.

    Args:
        client: An `mlflow.MlflowClient`.
        experiment_id: The experiment.
        tags: The run's tags; `PROCESS` is added.
        name: Its name.
        began: When it began, in milliseconds; with the process, it tells runs apart.
    """
    owner = owner_tag()
    query = f"tags.`{PROCESS}` = '{owner}' and attributes.start_time = {began}"
    while not (found := client.search_runs([experiment_id], query)):
        own = {**tags, PROCESS: owner}
        client.create_run(experiment_id, start_time=began, tags=own, run_name=name)
    for doubled in found[1:]:
        client.delete_run(doubled.info.run_id)
    return found[0]


def mark_running(run: TrackedRun) -> None:
    """Marks a run that had ended as one that this process records."""
    run.tags({PROCESS: owner_tag()})
    run.client.update_run(run.run_id, status=RUNNING)
    known = run.client.get_run(run.run_id).data.tags
    for tag in {REASON, TRIAL_STATE} & known.keys():
        run.client.delete_tag(run.run_id, tag)


def mark_vanished(client: Any, experiment_id: str) -> None:
    """Marks runs as KILLED whose process, on this machine, vanished without ending them."""
    for run in client.search_runs([experiment_id], f"attributes.status = '{RUNNING}'"):
        if not is_gone(run.data.tags.get(PROCESS, "")):
            continue
        # Its process may have ended it since it was found.
        if client.get_run(run.info.run_id).info.status == RUNNING:
            client.set_tag(run.info.run_id, REASON, "The process was killed.")
            client.set_terminated(run.info.run_id, KILLED)


def _once_answered(start: Callable[[], TrackedRun], *, patient: bool) -> TrackedRun:
    """Starts a run; if patient, as soon as the server answers."""
    if not patient:
        return start()
    started: list[TrackedRun] = []
    warned = False
    deadline = time.monotonic() + 60 * _LONGEST_WAIT
    while (failure := attempt(lambda: started.append(start()))) is not None:
        if time.monotonic() > deadline:
            raise TrackingError(
                f"The tracking server must answer within {_LONGEST_WAIT} minutes; {failure}"
            )
        if not warned:
            log.warning(f"Waiting for the tracking server, which does not answer ({failure}).")
            warned = True
        time.sleep(_ASK_EVERY)
    return started[0]
