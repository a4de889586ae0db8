"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gislr.utils.errors import SettingError, unknown_name


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer's keys.

    Attributes:
        name: `adamw`, `adamw_rectified` for RAdam's short first steps, or
            `adamw_unscaled_decay` for the decay of tensorflow-addons.
        learning_rate: The schedule multiplies it.
        weight_decay: Each step takes learning rate x decay of a weight, with
            `adamw_unscaled_decay` the decay alone.
        clipnorm: Largest norm of each variable's gradient; `null` for no limit.
        ema: Momentum of the weights' moving average, which is evaluated and kept instead of the
            last weights; `null` for none.
    """

    name: str
    learning_rate: float
    weight_decay: float
    clipnorm: float | None
    ema: float | None

    def __post_init__(self) -> None:
        if self.name not in OPTIMIZERS:
            raise unknown_name("optimizer.name", self.name, OPTIMIZERS)
        if self.learning_rate <= 0:
            raise SettingError(
                f"optimizer.learning_rate must be above 0; got {self.learning_rate}."
            )
        if self.weight_decay < 0:
            raise SettingError(
                f"optimizer.weight_decay must be at least 0; got {self.weight_decay}."
            )
        if self.ema is not None and not 0 < self.ema < 1:
            raise SettingError(
                f"optimizer.ema must be above 0 and below 1, or null for none; got {self.ema}."
            )
        if self.clipnorm is not None and self.clipnorm <= 0:
            raise SettingError(
                f"optimizer.clipnorm must be above 0, or null for no limit; got {self.clipnorm}."
            )


def build_optimizer(settings: OptimizerSettings) -> Any:
    """Returns a new Keras optimizer."""
    return OPTIMIZERS[settings.name](settings)


def _options(settings: OptimizerSettings) -> dict[str, Any]:
    averaged = {"use_ema": True, "ema_momentum": settings.ema} if settings.ema else {}
    return averaged | {
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "weight_norm": settings.clipnorm,
    }


def _adamw(settings: OptimizerSettings) -> Any:
    from gislr.training.adamw import AdamW

    return AdamW(**_options(settings))


def _adamw_unscaled_decay(settings: OptimizerSettings) -> Any:
    from gislr.training.adamw import AdamWUnscaledDecay

    return AdamWUnscaledDecay(**_options(settings))


def _adamw_rectified(settings: OptimizerSettings) -> Any:
    from gislr.training.adamw import AdamWRectified

    return AdamWRectified(**_options(settings))


OPTIMIZERS: dict[str, Callable[[OptimizerSettings], Any]] = {
    "adamw": _adamw,
    "adamw_rectified": _adamw_rectified,
    "adamw_unscaled_decay": _adamw_unscaled_decay,
}
