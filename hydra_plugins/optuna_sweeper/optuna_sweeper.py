"""What Hydra finds when it looks for plugins: the sweeper and its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.optuna_sweeper._settings import SweeperSettings, register

register()


class OptunaSweeper(Sweeper):
    """Searches with Optuna; see the package.

    Args:
        settings: The keys of `SweeperSettings`.
    """

    def __init__(self, **settings: Any) -> None:
        values: dict[str, Any] = {
            name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for name, value in settings.items()
        }
        self.settings = SweeperSettings(**values)
        self.hydra_context: HydraContext
        self.config: DictConfig
        self.launcher = None  # made when it is known to be needed

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Remembers the context; the task itself runs in processes of its own."""
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: Sequence[str]) -> Any:
        """Runs the sweep and returns the Optuna study, or `None` after a dry run."""
        from hydra_plugins.optuna_sweeper._run import run_sweep

        return run_sweep(self.settings, self.hydra_context, self.config, list(arguments))
