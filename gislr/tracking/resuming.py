"""Resumes a training that was interrupted, killed or stopped by a full disk."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gislr.config.configuration import PRETRAINING, RESUME
from gislr.config.tracking_settings import TrackingSettings
from gislr.tracking import provenance
from gislr.tracking.run import FINISHED, PROCESS, RUNNING, TrackedRun
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.run_search import find_run
from gislr.tracking.tracking_store import connect, local_folder
from gislr.tracking.training_record import IDENTITY, PRETRAINED
from gislr.training.checkpoints import Checkpoints
from gislr.utils.errors import GislrError, SettingError
from gislr.utils.log import log
from gislr.utils.settings import read_settings
from hydra_plugins.optuna_sweeper import is_gone

if TYPE_CHECKING:
    from gislr.training.loop import TrainingLoop

_LAST = "last"
_MAY_CHANGE = (f"{RESUME}=", "tracking.uri=", "tracking.experiment=", "preparation.", "data.root=")


def resumed_run(config: DictConfig) -> tuple[LoggedRun | None, DictConfig]:
    """Returns the run that a command resumes, if any, and the configuration that is trained.

    Args:
        config: A composed `conf/train.yaml` or `conf/pretrain.yaml`; its `resume` is a run's id,
            `last`, or `None`.

    Returns:
        The run, or `None` for a new one; its own configuration, or else `config`.

    Raises:
        GislrError: There is no such run, it has ended, another process trains it, or the command
            changes a setting.
    """
    if config.get(RESUME) is None:
        return None, config
    run = _interrupted_run(config)
    return run, _resumed_configuration(run, config)


def _interrupted_run(config: DictConfig) -> LoggedRun:
    values: Any = OmegaConf.to_container(config.tracking, resolve=True)
    settings = read_settings(TrackingSettings, values, "tracking")
    name = str(config[RESUME])
    pretrains = PRETRAINING in config
    run_id = _newest(settings, pretrains=pretrains) if name == _LAST else name
    run = find_run(settings, run_id, may_be_pretraining=True)
    if pretrains != (PRETRAINED in run.tags):
        command = "gislr train" if pretrains else "gislr pretrain"
        raise GislrError(f"resume must name a run of this command; resume this one with {command}.")
    if run.status == FINISHED:
        raise GislrError(
            f"resume must name a run that was interrupted; run {run.run_id} has ended."
        )
    if "trial" in run.tags:
        raise GislrError(
            f"resume must name a single training; run {run.run_id} is a trial of a sweep; the "
            "sweep's own command resumes it."
        )
    if _is_trained(run, _folder(settings, run.run_id)):
        raise GislrError(
            f"resume must name a run that no process trains; process "
            f"{run.tags.get(PROCESS, 'unknown')} trains run {run.run_id}."
        )
    return run


def _newest(settings: TrackingSettings, *, pretrains: bool) -> str:
    client, experiment_id = connect(settings, create=False)
    query = f"attributes.status != '{FINISHED}'"
    for run in client.search_runs([experiment_id], query) if experiment_id else []:
        tags = run.data.tags
        if IDENTITY in tags and "trial" not in tags and pretrains == (PRETRAINED in tags):
            return str(run.info.run_id)
    raise GislrError(
        f"resume={_LAST} needs a training that was interrupted; MLflow's experiment "
        f"{settings.experiment!r} holds none."
    )


def _is_trained(run: LoggedRun, folder: Path) -> bool:
    """Tells whether another process trains a run, here or, as far as is known, elsewhere."""
    elsewhere = run.status == RUNNING and not is_gone(run.tags.get(PROCESS, ""))
    try:
        with FileLock(_lock(folder), timeout=0):
            return elsewhere and not folder.is_dir()
    except Timeout:
        return True
    except OSError:
        return elsewhere


def _resumed_configuration(run: LoggedRun, config: DictConfig) -> DictConfig:
    """Returns a run's own configuration, with the present places of its data and its runs."""
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    values = run.configuration().values
    now: Any = OmegaConf.to_container(config, resolve=True)
    other = [o for o in given if not o.startswith(_MAY_CHANGE) and _changes(o, values, now)]
    if other:
        raise SettingError(
            f"resume keeps the run's own settings; leave out {' '.join(other)}, or train anew."
        )
    values["tracking"]["uri"] = now["tracking"]["uri"]
    values["preparation"] = now["preparation"]
    if any(o.startswith("data.root=") for o in given):
        values["data"]["root"] = now["data"]["root"]
    return OmegaConf.create(values)


def _changes(override: str, values: dict[str, Any], now: dict[str, Any]) -> bool:
    """Tells whether an override differs from the setting that the run was made with."""
    key = override.partition("=")[0].lstrip("+")
    key = "experiment" if key == "experiments" else key

    def chosen(configuration: dict[str, Any]) -> Any:
        found = OmegaConf.select(OmegaConf.create(configuration), key)
        # Of a group only its choice: its keys are overrides of their own.
        return found.get("name", found) if isinstance(found, DictConfig) else found

    return bool(chosen(values) != chosen(now))


def require_same_data(run: LoggedRun, fingerprints: Mapping[str, str]) -> None:
    """Refuses other data than a run's, and logs what else has changed since the run began.

    Args:
        run: The run.
        fingerprints: Of the data now, see `gislr.tracking.training_record.data_tags`.

    Raises:
        GislrError: The data is not the same.
    """
    for tag, fingerprint in fingerprints.items():
        if run.tags.get(tag) != fingerprint:
            raise GislrError(
                f"The data must be that of run {run.run_id}, {run.tags.get(tag)}; its {tag} is "
                f"{fingerprint} now. Train anew."
            )
    log.info(f"resumes run {run.name} ({run.run_id})")
    for line in provenance.changes(run.tags, fingerprints):
        log.warning(f"changed since the run began: {line}")


@contextmanager
def kept_checkpoints(
    run: TrackedRun, settings: TrackingSettings, command: str = "train"
) -> Iterator[Checkpoints]:
    """Yields a run's checkpoints, locked against other processes; removes them once it ended.

    Args:
        run: The run.
        settings: Where it is recorded.
        command: What resumes it.
    """
    folder = _folder(settings, run.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(_lock(folder)):
        try:
            yield Checkpoints(folder)
        except (KeyboardInterrupt, OSError):
            place = f" {shlex.quote(f'tracking.uri={settings.uri}')}" if settings.uri else ""
            log.warning(f"not ended; resume it with: gislr {command} {RESUME}={run.run_id}{place}")
            raise
    remove_checkpoints(settings, run.run_id)


def restore(
    loop: TrainingLoop, checkpoints: Checkpoints | None, run: TrackedRun
) -> dict[str, list[float]]:
    """Restores the newest checkpoint, if any, and returns the metrics of the epochs before."""
    checkpoint = checkpoints.newest() if checkpoints else None
    if checkpoint is None:
        return {}
    loop.restore(checkpoint.state)
    history = checkpoint.history
    for epoch, values in enumerate(zip(*history.values(), strict=True)):
        run.metrics(dict(zip(history, values, strict=True)), step=epoch)
    log.info(f"resumes after epoch {loop.done}")
    return history


def has_checkpoints(settings: TrackingSettings, run_id: str) -> bool:
    """Tells whether this machine keeps checkpoints of a run."""
    return any(_folder(settings, run_id).glob("*"))


def remove_checkpoints(settings: TrackingSettings, run_id: str) -> None:
    """Removes the checkpoints of a run that will not go on, if there are any."""
    shutil.rmtree(_folder(settings, run_id), ignore_errors=True)
    _lock(_folder(settings, run_id)).unlink(missing_ok=True)


def _folder(settings: TrackingSettings, run_id: str) -> Path:
    return local_folder(settings.uri) / "checkpoints" / run_id


def _lock(folder: Path) -> Path:
    return folder.with_suffix(".lock")
