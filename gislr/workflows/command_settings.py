"""Reads the keys of a command as typed settings."""

from __future__ import annotations

from typing import Annotated, TypeVar

from omegaconf import DictConfig
from pydantic import BeforeValidator

from gislr.config.composition import plain_values
from gislr.config.tracking_settings import TrackingSettings
from gislr.utils.settings import Settings, read_settings

Kind = TypeVar("Kind", bound="CommandSettings")

Tracking = Annotated[
    TrackingSettings,
    BeforeValidator(lambda section: read_settings(TrackingSettings, section, "tracking")),
]


class CommandSettings(Settings):
    """What every command reads.

    Attributes:
        tracking: Where runs are kept.
    """

    tracking: Tracking


def read_command(kind: type[Kind], config: DictConfig) -> Kind:
    """Returns the keys of a command, checked; other keys of the configuration are left out.

    Raises:
        SettingError: A value cannot be used.
    """
    values = plain_values(config)
    return read_settings(kind, {k: v for k, v in values.items() if k in kind.model_fields})
