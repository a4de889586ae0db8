"""The MLflow run of a sweep, which is the parent of its trials' runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from gislr.config.configuration import Configuration, open_also, open_data, read_configuration
from gislr.config.trial_folds import TrialFolds, identity_values
from gislr.sweeping.same_work import require_same_work
from gislr.tracking import provenance
from gislr.tracking.outbox import Outbox, attempt
from gislr.tracking.run import (
    FINISHED,
    KILLED,
    RUN_NAME,
    TrackedRun,
    create_run,
    mark_running,
    mark_vanished,
    now,
)
from gislr.tracking.run_reader import PARENT_TAG
from gislr.tracking.tracking_store import connect, pages
from gislr.tracking.training_record import IDENTITY, SWEEP, data_tags
from gislr.utils.errors import GislrError, SettingError
from gislr.utils.log import log
from hydra_plugins.optuna_sweeper import ENDED, CachedResult, Sweep, SweepCallback

if TYPE_CHECKING:
    import optuna

RUN_ID, PARENT = "run_id", "parent_run_id"
"""Attributes of trials and of studies: the ids of their runs."""

RUN_NAMES = "run_names"
"""Attribute of studies: a trial's run name, with `{trial}`, `{fold}`, `{clips}` and `{seed}`."""


def trial_tags(trial: optuna.Trial | None, configuration: Configuration) -> dict[str, str]:
    """Returns the tags that nest a trial's run in its sweep's; none outside of a sweep."""
    if trial is None:
        return {}
    name = str(trial.study.user_attrs.get(RUN_NAMES, "trial {trial}")).format(
        trial=trial.number,
        fold=getattr(configuration.split, "fold", None),
        clips=configuration.training.clips_per_sign or "all",
        seed=configuration.seed,
    )
    tags = {"study": trial.study.study_name, "trial": str(trial.number), RUN_NAME: name}
    parent = trial.study.user_attrs.get(PARENT)
    return tags | ({PARENT_TAG: str(parent)} if parent else {})


def parent_tags(configuration: Configuration) -> dict[str, str]:
    """Returns the tags of a run that holds others."""
    command = provenance.command()
    return {
        "experiment": configuration.experiment or "none",
        "model": configuration.model.name,
        "data": configuration.data.name,
        "mlflow.note.content": f"`{command}`",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": " ".join(command.split()[:2]),
        **provenance.git_tags(),
    }


class ParentRun(SweepCallback):
    """Records a sweep in its own run."""

    run_names = "trial {trial}"

    def __init__(self) -> None:
        self._configuration: Configuration
        self._run: TrackedRun
        self._experiment_id = ""
        self._began = now()
        self._fingerprints: dict[str, dict[str, str]] = {}

    def check(self, configuration: Configuration) -> None:
        """Checks the configuration of a trial before anything runs.

        Raises:
            SettingError: A sweep of this kind cannot use it.
        """
        TrialFolds.of(configuration)

    def conclude(self, sweep: Sweep) -> None:
        """Records the result of the trials together, however the sweep ends."""

    def judge(self, sweep: Sweep) -> None:
        """Judges the result of a complete sweep."""

    def on_study_open(self, sweep: Sweep) -> None:
        """Refuses a sweep that cannot be tracked, or whose code or data is not the study's."""
        self._configuration = _configuration(sweep.compose(sweep.space.example()))
        self.check(self._configuration)
        if sweep.settings.pruner == "successive_halving" and TrialFolds.of(self._configuration):
            raise SettingError(
                "hydra.sweeper.pruner=successive_halving goes on with single trainings, but each "
                "trial is a cross-validation; choose median, or leave out sweep.folds and "
                "split=nested."
            )
        require_same_work(sweep, self._configuration)

    def on_sweep_start(self, sweep: Sweep) -> None:
        """Finds the study's parent run or creates it."""
        settings = self._configuration.tracking
        client, self._experiment_id = connect(settings)
        mark_vanished(client, self._experiment_id)
        run_id = sweep.study.user_attrs.get(PARENT)
        # A study can outlive the store that holds its runs.
        if run_id is None or attempt(lambda: client.get_run(run_id)) is not None:
            run_id = self._create(client, sweep)
        self._run = TrackedRun(client, str(run_id), sweep.name, settings.experiment)
        mark_running(self._run)
        sweep.study.set_user_attr(RUN_NAMES, self.run_names)
        log.info(f"tracked as run {run_id}, experiment {settings.experiment}")

    def _create(self, client: Any, sweep: Sweep) -> str:
        configuration = self._configuration
        tags = {SWEEP: sweep.name, **parent_tags(configuration)}
        name = configuration.tracking.run_name or sweep.name
        created = create_run(client, self._experiment_id, tags, name, self._began)
        run_id = str(created.info.run_id)
        sweep.study.set_user_attr(PARENT, run_id)
        TrackedRun(client, run_id, name, configuration.tracking.experiment).parameters(
            {
                "objective": ", ".join(configuration.sweep.objectives),
                "objective.value": configuration.sweep.value,
                "direction": ", ".join(sweep.settings.directions),
                "sampler": sweep.settings.sampler,
                "pruner": sweep.settings.pruner,
                "sampler.seed": sweep.settings.seed,
                "fixed": " ".join(sweep.space.fixed),
                **{f"space.{d.key}": d.distribution for d in sweep.space.dimensions},
            }
        )
        return run_id

    def cached_result(self, sweep: Sweep, overrides: Sequence[str]) -> CachedResult | None:
        """Returns the values of a finished run of the same configuration, code and data."""
        try:
            configuration = _configuration(sweep.compose(overrides))
        except GislrError:
            return None  # the trial itself reports the error
        data = repr((configuration.data, configuration.joint, configuration.preprocessing))
        if data not in self._fingerprints:
            opened = open_data(configuration), open_also(configuration)
            self._fingerprints[data] = data_tags(*opened)
        identity = provenance.identity(identity_values(configuration), self._fingerprints[data])
        return finished_result(configuration, identity)

    def on_trial_end(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """Records the counts by the number of ended trials, since trials end in any order."""
        attempt(lambda: mark_vanished(self._run.client, self._experiment_id))
        counts = {
            f"trials_{state}": float(count)
            for state, count in sweep.counts().items()
            if state != "running"
        }
        self.record_progress(trial, counts)

    def record_progress(self, trial: optuna.trial.FrozenTrial, values: Mapping[str, float]) -> None:
        """Records values by the number of ended trials, of which no other sweep has the same."""
        if ENDED in trial.user_attrs:
            self._run.metrics(values, step=int(trial.user_attrs[ENDED]))

    def on_sweep_end(self, sweep: Sweep, reason: str | None) -> None:
        """Records the trials and their result, and ends the run."""
        self._send_waiting(sweep)
        with self._run.folder() as folder:
            _trials_table(sweep).to_csv(folder / "trials.csv", index=False)
        try:
            self.conclude(sweep)
            if reason is None:
                self.judge(sweep)
        except (GislrError, KeyboardInterrupt) as error:
            self._run.end(KILLED, str(error) or "Interrupted; the same command resumes it.")
            raise
        self._run.end(KILLED if reason else FINISHED, reason)
        look = pages(self._configuration.tracking.uri)
        log.info(f"tracked as run {self._run.run_id}; look at it with: {look}")

    def _send_waiting(self, sweep: Sweep) -> None:
        """Sends the entries of trials that the store did not accept, or warns of them here.

        Nobody sees the warnings of the trials themselves.
        """
        run_ids = [t.user_attrs[RUN_ID] for t in sweep.trials() if RUN_ID in t.user_attrs]
        outboxes = [Outbox(self._run.client, str(run_id)) for run_id in run_ids]
        # The first failure is enough: a store that is down answers none of them.
        any(outbox.flush() for outbox in outboxes)
        if lacking := sum(bool(outbox.entries()) for outbox in outboxes):
            log.warning(
                f"The tracking store still lacks entries of {lacking} trials; once it answers, "
                "send them with: gislr sync"
            )


def finished_result(configuration: Configuration, identity: str) -> CachedResult | None:
    """Returns the values of a finished run of this identity, if the store has one."""
    found: list[CachedResult] = []
    attempt(lambda: found.extend(_finished(configuration, identity)))
    return found[0] if found else None


def _finished(configuration: Configuration, identity: str) -> Iterator[CachedResult]:
    client, experiment_id = connect(configuration.tracking)
    names = configuration.sweep.objectives
    query = f"tags.`{IDENTITY}` = '{identity}' and attributes.status = '{FINISHED}'"
    for run in client.search_runs([experiment_id], query, max_results=1):
        if set(names) <= set(run.data.metrics):
            run_id = run.info.run_id
            points = {name: client.get_metric_history(run_id, name) for name in names}
            history = {name: [point.value for point in each] for name, each in points.items()}
            yield CachedResult(configuration.sweep.values(history), {RUN_ID: run_id})


def _configuration(config: Any) -> Configuration:
    return read_configuration(OmegaConf.masked_copy(config, [k for k in config if k != "hydra"]))


def _trials_table(sweep: Sweep) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.values[0] if trial.values and len(trial.values) == 1 else trial.values,
            "epochs": len(trial.intermediate_values),
            "seconds": trial.user_attrs.get("seconds"),
            "run_id": trial.user_attrs.get(RUN_ID),
            "reason": trial.user_attrs.get("reason"),
            **trial.params,
        }
        for trial in sweep.trials()
    )
