"""The run in MLflow below which those of a sweep's trials are nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from gislr.config.configuration import read_configuration
from gislr.tracking import provenance
from gislr.tracking.outbox import Outbox, attempt
from gislr.tracking.record import IDENTITY, SWEEP
from gislr.tracking.run import FINISHED, KILLED, PROCESS, REASON, RUNNING, TrackedRun, mark_vanished
from gislr.tracking.store import connect, pages
from gislr.utils.errors import GislrError
from gislr.utils.log import log
from gislr.utils.paths import project_root
from hydra_plugins.optuna_sweeper import CachedResult, Sweep, SweepCallback, owner_tag

if TYPE_CHECKING:
    import optuna

    from gislr.config.configuration import Configuration

RUN_ID = "run_id"
PARENT = "parent_run_id"
"""Attributes of trials and of studies: the MLflow runs that they are."""

RUN_NAMES = "run_names"
"""Attribute of studies: what the trials' runs are called, of `{trial}`, `{fold}` and `{seed}`."""

_PARENT_OF = "mlflow.parentRunId"


def trial_tags(trial: optuna.Trial | None, configuration: Configuration) -> dict[str, str]:
    """Returns the tags that nest a trial's run under its sweep's; none outside a sweep."""
    if trial is None:
        return {}
    name = str(trial.study.user_attrs.get(RUN_NAMES, "trial {trial}")).format(
        trial=trial.number,
        fold=getattr(configuration.split, "fold", None),
        seed=configuration.seed,
    )
    tags = {"study": trial.study.study_name, "trial": str(trial.number), "mlflow.runName": name}
    parent = trial.study.user_attrs.get(PARENT)
    return tags | ({_PARENT_OF: str(parent)} if parent else {})


class ParentRun(SweepCallback):
    """Keeps the run up to date below which those of the trials are nested."""

    run_names = "trial {trial}"

    def __init__(self) -> None:
        self._configuration: Configuration
        self._run: TrackedRun
        self._experiment_id = ""
        self._fingerprints: dict[str, str] = {}

    def on_sweep_start(self, sweep: Sweep) -> None:
        """Finds the study's parent run or starts it."""
        self._configuration = _configuration(sweep.compose(sweep.space.example()))
        client, self._experiment_id = connect(self._configuration.tracking)
        mark_vanished(client, self._experiment_id)
        run_id = self._parent(client, sweep)
        experiment = self._configuration.tracking.experiment
        self._run = TrackedRun(client, run_id, sweep.name, experiment)
        client.update_run(run_id, status=RUNNING)
        self._run.tags({PROCESS: owner_tag()})
        if REASON in client.get_run(run_id).data.tags:
            client.delete_tag(run_id, REASON)
        sweep.study.set_user_attr(RUN_NAMES, self.run_names)
        log.info(f"tracked as run {run_id}, experiment {experiment}")

    def _parent(self, client: Any, sweep: Sweep) -> str:
        from mlflow.exceptions import MlflowException

        known = sweep.study.user_attrs.get(PARENT)
        if known:
            try:
                client.get_run(known)
            except MlflowException:
                known = None  # the study is kept, but its runs are in another store
        if known:
            return str(known)
        tags = {
            SWEEP: sweep.name,
            "experiment": self._configuration.experiment or "none",
            "model": self._configuration.model.name,
            "data": self._configuration.data.name,
            "mlflow.note.content": f"`{provenance.typed_command()}`",
            "mlflow.source.type": "LOCAL",
            "mlflow.source.name": provenance.typed_command().split(" ")[2],
            **provenance.git_tags(project_root()),
        }
        run_id = client.create_run(self._experiment_id, tags=tags, run_name=sweep.name).info.run_id
        sweep.study.set_user_attr(PARENT, run_id)
        run = TrackedRun(client, run_id, sweep.name, "")
        run.parameters(
            {
                "objective": ", ".join(self._configuration.sweep.objectives),
                "objective.value": self._configuration.sweep.value,
                "direction": ", ".join(sweep.settings.directions),
                "sampler": sweep.settings.sampler,
                "pruner": sweep.settings.pruner,
                "sampler.seed": sweep.settings.seed,
                "fixed": " ".join(sweep.space.fixed),
                **{f"space.{d.key}": d.distribution for d in sweep.space.dimensions},
            }
        )
        return str(run_id)

    def cached_result(self, sweep: Sweep, overrides: Sequence[str]) -> CachedResult | None:
        """Returns the values of a finished run of the same configuration, code and data."""
        try:
            configuration = _configuration(sweep.compose(overrides))
        except GislrError:
            return None  # the trial itself will say what is wrong
        identity = provenance.identity(configuration.values, self._fingerprint(configuration))
        answer: list[CachedResult | None] = [None]

        def search() -> None:
            answer[0] = _finished_run(configuration, identity)

        attempt(search)
        return answer[0]

    def _fingerprint(self, configuration: Configuration) -> str:
        from gislr.config.configuration import open_data

        key = repr((configuration.data, configuration.preprocessing))
        if key not in self._fingerprints:
            self._fingerprints[key] = open_data(configuration).fingerprint
        return self._fingerprints[key]

    def on_trial_end(self, sweep: Sweep, trial: optuna.trial.FrozenTrial) -> None:
        """Writes the counts, by how many trials have ended: they end in any order."""
        attempt(lambda: mark_vanished(self._run.client, self._experiment_id))
        counts = {
            f"trials_{state}": float(count)
            for state, count in sweep.counts().items()
            if state != "running"
        }
        self._run.metrics(counts, step=int(sum(counts.values())))

    def on_sweep_end(self, sweep: Sweep, reason: str | None) -> None:
        """Writes what came of it and says how to go on."""
        self._send_kept(sweep)
        with self._run.folder() as folder:
            _trials_table(sweep).to_csv(folder / "trials.csv", index=False)
        self.conclude(sweep, complete=reason is None)
        self._run.end(KILLED if reason else FINISHED, reason)
        look = pages(self._configuration.tracking.uri)
        log.info(f"tracked as run {self._run.run_id}; look at it with: {look}")

    def _send_kept(self, sweep: Sweep) -> None:
        """Sends what the store did not take while trials ran: their warnings are seen by nobody."""
        run_ids = [t.user_attrs[RUN_ID] for t in sweep.trials() if RUN_ID in t.user_attrs]
        kept = [Outbox(self._run.client, str(run_id)) for run_id in run_ids]
        for outbox in kept:
            if outbox.flush() is not None:
                break
        if lacking := sum(bool(outbox.entries()) for outbox in kept):
            log.warning(
                f"The tracking store still lacks entries of {lacking} trials; once it answers, "
                "send them with: gislr sync"
            )

    def conclude(self, sweep: Sweep, *, complete: bool) -> None:
        """Writes what the trials came to, together."""


def _finished_run(configuration: Configuration, identity: str) -> CachedResult | None:
    client, experiment_id = connect(configuration.tracking)
    found = client.search_runs(
        [experiment_id],
        f"tags.`{IDENTITY}` = '{identity}' and attributes.status = '{FINISHED}'",
        max_results=1,
    )
    if not found:
        return None
    run = found[0]
    history = {
        name: [metric.value for metric in client.get_metric_history(run.info.run_id, name)]
        for name in configuration.sweep.objectives
        if name in run.data.metrics
    }
    if len(history) < len(configuration.sweep.objectives):
        return None
    return CachedResult(configuration.sweep.values(history), {RUN_ID: run.info.run_id})


def _configuration(config: Any) -> Configuration:
    copy = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    return read_configuration(copy)


def _trials_table(sweep: Sweep) -> Any:
    import pandas as pd

    rows: list[Mapping[str, Any]] = [
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
    ]
    return pd.DataFrame(rows)
