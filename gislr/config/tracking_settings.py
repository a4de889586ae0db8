"""Where runs are recorded."""

from __future__ import annotations

from gislr.utils.settings import Settings, Text


class TrackingSettings(Settings):
    """Where and under which names a run is recorded.

    Attributes:
        uri: A tracking server or `sqlite:///FILE`; `null` for the project's own `mlruns/`.
        experiment: MLflow's experiment.
        run_name: The run's name; MLflow invents one when `null`.

    Example:
        >>> from gislr.config.tracking_settings import TrackingSettings
        >>> TrackingSettings(uri=None, experiment="gislr", run_name=None).experiment
        'gislr'
    """

    uri: str | None
    experiment: Text
    run_name: Text | None
