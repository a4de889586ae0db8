"""Optimizers by name."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from gislr.utils.registry import Registry
from gislr.utils.settings import AboveZero, NotNegative, Settings


class OptimizerSettings(Settings):
    """Base of optimizers.

    Attributes:
        name: The name under which it is registered.
        learning_rate: The schedule multiplies it.
        weight_decay: In a step a weight loses learning rate x decay of itself.
        clipnorm: Largest norm of each variable's gradient; `null` for no limit.
        ema_momentum: Momentum of the weights' exponential moving average (EMA), which is evaluated
            and kept instead of the last weights; `null` for none.
    """

    name: str
    learning_rate: AboveZero
    weight_decay: NotNegative
    clipnorm: AboveZero | None
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None

    def build(self) -> Any:
        """Returns a new Keras optimizer."""
        raise NotImplementedError


OPTIMIZERS: Registry[type[OptimizerSettings]] = Registry("optimizer", "gislr.training.optimizers")
"""Optimizers by name; those of other packages come from the entry points `gislr.optimizer`."""


@OPTIMIZERS.register("adamw")
class AdamWSettings(OptimizerSettings):
    """Keras' AdamW; gradients are clipped head by head."""

    keras_class: ClassVar[str] = "AdamW"

    def build(self) -> Any:
        from gislr.training import adamw

        ema = {"use_ema": True, "ema_momentum": self.ema_momentum} if self.ema_momentum else {}
        return getattr(adamw, self.keras_class)(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            weight_norm=self.clipnorm,
            **ema,
        )


@OPTIMIZERS.register("adamw_rectified")
class AdamWRectifiedSettings(AdamWSettings):
    """AdamW with the short first steps of RAdam."""

    keras_class = "AdamWRectified"


@OPTIMIZERS.register("adamw_unscaled_decay")
class AdamWUnscaledDecaySettings(AdamWSettings):
    """AdamW of tensorflow-addons: a weight loses the decay of itself at any learning rate."""

    keras_class = "AdamWUnscaledDecay"
