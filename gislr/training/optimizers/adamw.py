"""AdamW, and two of its variants."""

from __future__ import annotations

from typing import Any

from gislr.training.optimizers import OPTIMIZERS, OptimizerSettings


@OPTIMIZERS.register("adamw")
class AdamWSettings(OptimizerSettings):
    """Keras' AdamW; gradients are clipped head by head."""

    def options(self) -> dict[str, Any]:
        """Returns the arguments of the Keras optimizer."""
        ema = {"use_ema": True, "ema_momentum": self.ema_momentum} if self.ema_momentum else {}
        return ema | {
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "weight_norm": self.clipnorm,
        }

    def build(self) -> Any:
        """See `OptimizerSettings.build`."""
        from gislr.training.optimizers._keras_adamw import AdamW

        return AdamW(**self.options())


@OPTIMIZERS.register("adamw_rectified")
class AdamWRectifiedSettings(AdamWSettings):
    """AdamW with the short first steps of RAdam."""

    def build(self) -> Any:
        """See `OptimizerSettings.build`."""
        from gislr.training.optimizers._keras_adamw import AdamWRectified

        return AdamWRectified(**self.options())


@OPTIMIZERS.register("adamw_unscaled_decay")
class AdamWUnscaledDecaySettings(AdamWSettings):
    """AdamW of tensorflow-addons: a weight loses the decay of itself at any learning rate."""

    def build(self) -> Any:
        """See `OptimizerSettings.build`."""
        from gislr.training.optimizers._keras_adamw import AdamWUnscaledDecay

        return AdamWUnscaledDecay(**self.options())
