"""A small application that the tests sweep; it knows nothing of gislr."""

import os
import signal
import time
from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore

from hydra_plugins.optuna_sweeper import current_trial, report_or_prune


@dataclass
class Curve:
    """Belongs to `kind=curve` only."""

    bend: float = 1.0


@dataclass
class App:
    """The application's configuration."""

    x: float = 0.0
    y: int = 0
    word: str = "plain"
    kind: str = "line"
    curve: Curve = field(default_factory=Curve)
    steps: int = 1
    sleep: float = 0.0
    trouble: str = "none"
    several: bool = False
    values: list[int] = field(default_factory=list)


ConfigStore.instance().store("app", App)


@hydra.main(version_base="1.3", config_path=None, config_name="app")
def main(config):
    trial = current_trial() if config.steps > 1 else None
    if config.trouble == "error":
        raise RuntimeError("it is broken")
    if config.trouble == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.trouble == "nan":
        return float("nan")
    value = (config.x - 0.3) ** 2 + config.y
    for step in range(config.steps):
        time.sleep(config.sleep)
        if trial:
            trial.set_user_attr("pid", str(os.getpid()))
            report_or_prune(trial, value + 1 / (step + 1), step)
    return (value, float(config.y)) if config.several else value


if __name__ == "__main__":
    main()
