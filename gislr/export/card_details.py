"""What a model card says of the model and of its data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gislr.config.configuration import Configuration
from gislr.data.label_map import LABEL_MAP
from gislr.data.landmarks import LANDMARKS_PER_FRAME
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.training_record import FINGERPRINT
from gislr.utils.markdown import SHOWN, bullets, code, codes

_DIGITS = 12
_AXES = {"xy": "x and y", "xyz": "x, y and z"}
_FRAMES = {"reference": "the frames in which the dominant hand was found", "whole": "all frames"}


def model_details(
    run: LoggedRun, members: Sequence[LoggedRun], configuration: Configuration
) -> str:
    """Returns what the model is and how it was trained.

    Args:
        run: The run of the model.
        members: The trainings that it averages.
        configuration: Of the first of them.
    """
    first, reading = members[0], configuration.preprocessing
    seeds = [member.parameters["seed"] for member in members]
    several, experiment = len(seeds) > 1, configuration.experiment
    started = run.client.get_run(first.run_id).info.start_time / 1000
    commit = code(first.tags.get("git.commit", "unknown")[:_DIGITS])
    edited = " with changes" * (first.tags.get("git.dirty") == "True")
    return bullets(
        [
            f"**Model:** {f'the average of {len(seeds)} models, each a ' if several else ''}"
            f"{code(configuration.model.name)} of {first.metrics['parameters']:,.0f} parameters",
            "**Input:** the landmarks of a clip, as MediaPipe Holistic finds them. The model reads "
            f"{len(reading.landmark_set)} of {LANDMARKS_PER_FRAME} ({code(reading.landmarks)}), "
            f"{_AXES[reading.axes]}, in {_FRAMES[reading.name]}; more than {reading.frames} frames "
            "are averaged down to as many",
            "**Output:** the probability of every sign",
            f"**Training:** {f'experiment {code(experiment)}, ' if experiment else ''}"
            f"{configuration.training.epochs} epochs, seed{'s' * several} {', '.join(seeds)}, "
            f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d}",
            configuration.pretrained.from_
            and f"**Starts from:** the weights of {code(configuration.pretrained.from_)}",
            configuration.distillation.is_used
            and f"**Teachers:** {codes(configuration.distillation.teachers)}",
            f"**Software:** gislr {code(first.tags.get('version.gislr'))}, commit "
            f"{commit}{edited}, TensorFlow {code(first.tags.get('version.tensorflow'))}",
            f"**Run:** {code(run.run_id)} in MLflow; trained again by "
            + ", ".join(code(f"gislr reproduce run={member.run_id}") for member in members),
            "**License:** none is given here; the terms of the data decide which one may be",
        ]
    )


def data_details(training: LoggedRun, configuration: Configuration, signs: Sequence[str]) -> str:
    """Returns what the model was trained on.

    Args:
        training: The training.
        configuration: Of the training.
        signs: The glosses.
    """
    source, also, metrics = configuration.data, configuration.joint.also, training.metrics
    place = Path(getattr(source, "manifest", None) or getattr(source, "root", None) or "").name
    of_signers = f" of {count:.0f} signers" if (count := signers_trained_on(training)) else ""
    left_out = metrics.get("clips_without_hand")
    return bullets(
        [
            f"**Source:** {code(source.name)}{f', {code(place)}' if place else ''}, fingerprint "
            + code(training.tags.get(FINGERPRINT, "unknown")[:_DIGITS]),
            is_simulated(configuration)
            and "**Simulated:** a program made the clips; no person signed them",
            f"**Trained on:** {metrics['clips_trained_on']:,.0f} clips{of_signers}",
            left_out and f"**Left out:** {left_out:,.0f} of the clips, since no hand was found",
            also and f"**Trained on beside them:** {code(Path(also).name)}, of other signs",
            f"**Signs:** {codes(signs)}" + f" in {code(LABEL_MAP)}" * (len(signs) > SHOWN),
        ]
    )


def signers_trained_on(training: LoggedRun) -> float | None:
    """Returns how many signers a training saw; `None` where they, or their number, are unknown."""
    return training.metrics.get("signers_trained_on")


def is_simulated(configuration: Configuration) -> bool:
    """Tells whether a program made the clips."""
    from gislr.data.simulation import SimulationSettings

    return isinstance(configuration.data, SimulationSettings)
