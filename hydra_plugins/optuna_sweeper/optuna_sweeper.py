"""The module that Hydra finds when it looks for plugins: `hydra/sweeper=optuna`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.optuna_sweeper._settings import OptunaSweeperConfig, SweeperSettings


class OptunaSweeper(Sweeper):
    """Searches with Optuna; takes the keys of `SweeperSettings`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.hydra_context: HydraContext
        self.config: DictConfig
        self.launcher = None  # a sweep on this machine needs none

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keeps the context; trials run the task in their own processes."""
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: Sequence[str]) -> Any:
        """Runs the sweep and returns the Optuna study, or `None` after a dry run."""
        from hydra_plugins.optuna_sweeper._run import run_sweep

        values: Any = OmegaConf.to_container(OmegaConf.create(self.settings))
        settings = SweeperSettings(**values)
        return run_sweep(settings, self.hydra_context, self.config, list(arguments))


ConfigStore.instance().store(
    group="hydra/sweeper", name="optuna", node=OptunaSweeperConfig, provider="optuna_sweeper"
)
