"""Writes a run's model as files that need neither gislr nor TensorFlow.

`model.tflite` (and `model_float16.tflite`, `model_int8.tflite`) reads raw landmarks, see
`gislr.export.litert`; `submission.zip` is what Kaggle's competition takes; `README.md` is the model
card. Each file is compared with Keras on raw clips and timed; if the one of float32 does not agree,
nothing is written.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from gislr.config.configuration import Configuration, open_data
from gislr.data.held_out import HeldOut
from gislr.data.sources import SOURCES
from gislr.demo.demo_page import demo_page, simulated_clips
from gislr.export import PRECISIONS, Precision
from gislr.export.agreement import Agreement, compare, table
from gislr.export.exported_folder import complete_folder
from gislr.inference.litert_recognizer import LITERT_FILE, LiteRTRecognizer
from gislr.record.recordings import file_name
from gislr.tracking.run_search import find_run
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import atomic_file, resolve_here
from gislr.utils.quiet import quiet_backend
from gislr.utils.settings import Positive, Text
from gislr.web import npm_packages
from gislr.web.page_files import write_page
from gislr.workflows.command_settings import CommandSettings, read_command

if TYPE_CHECKING:
    from gislr.inference.keras_recognizer import KerasRecognizer

Float32 = NDArray[np.float32]

ARTIFACTS = "export"
"""Folder of the run's artifacts that holds the files, too."""

PAGE = "page"
"""Folder, among the files, of the page to try the model."""


class ExportSettings(CommandSettings):
    """Settings of `gislr export`; `conf/export.yaml` explains the keys."""

    run: Text
    output: Text
    precisions: list[Precision]
    onnx: bool
    compared_clips: Positive
    page: bool
    data: Any = None  # Hydra leaves the key out where no data is chosen


def export(config: DictConfig) -> list[Agreement]:
    """Writes the files of a run's model, here and into the run.

    Returns:
        How each file compares with Keras.

    Raises:
        GislrError: The run or its data cannot be read, or a file does not agree with Keras.
    """
    settings = read_command(ExportSettings, config)
    if not settings.precisions and not settings.onnx:
        raise SettingError(f"precisions must name at least one of {', '.join(PRECISIONS)}.")
    if settings.page:
        if PRECISIONS[0] not in settings.precisions:
            raise SettingError(f"page=true needs {PRECISIONS[0]} among precisions.")
        packages = {**npm_packages.runtime(), **npm_packages.mediapipe()}
    with quiet_backend():
        from gislr.inference.keras_recognizer import KerasRecognizer
    run = find_run(settings.tracking, settings.run)
    recognizer = KerasRecognizer.of_run(run)
    configuration = run.members()[0].configuration()
    if settings.data:
        configuration = dataclasses.replace(configuration, data=SOURCES.read(settings.data))
    clips, labels = comparison_clips(
        configuration, recognizer.signs, run.held_out(), settings.compared_clips
    )
    folder = resolve_here(settings.output) / folder_name(run.name)
    agreements = write_files(
        recognizer,
        folder,
        clips,
        labels,
        precisions=settings.precisions,
        with_onnx=settings.onnx,
    )
    complete_folder(folder, run, recognizer, agreements)
    for path in filter(Path.is_file, folder.iterdir()):
        run.client.log_artifact(run.run_id, str(path), ARTIFACTS)
    log.info(f"compared with Keras on {len(clips)} clips of {configuration.data.name} data")
    log.info(table(agreements))
    log.info(f"written to {folder}")
    if settings.page:
        exported = LiteRTRecognizer.of_file(folder / LITERT_FILE)
        page = demo_page(exported, run.name, simulated_clips(), packages)
        size = write_page(page, folder / PAGE)
        log.info(f"the page, {size / 1e6:.0f} MB, is in {folder / PAGE}; any web server serves it")
    return agreements


def folder_name(run_name: str) -> str:
    """Returns the folder of a run: everyone who reaches the store can rename its runs.

    Example:
        >>> from gislr.workflows.export import folder_name
        >>> folder_name("fold 0, seed 42"), folder_name("../../.ssh")
        ('fold 0, seed 42', 'ssh-207287b5')
    """
    return run_name if re.fullmatch(r"\w[\w ,.=+-]*", run_name) else file_name(run_name)


def comparison_clips(
    configuration: Configuration, signs: Sequence[str], held_out: HeldOut, count: int
) -> tuple[list[Float32], NDArray[np.int32]]:
    """Reads raw clips, those held out first, spread evenly over the data.

    Args:
        configuration: Which data.
        signs: Those that the model knows.
        held_out: What it was not trained on.
        count: How many clips at most.

    Returns:
        float32 [frames, 543, 3] each, and int32 [clips], the sign of each in `signs` or -1.

    Raises:
        DataError: The data holds no raw clips.
    """
    store = open_data(configuration)
    if store.listing is None:
        raise DataError(
            f"Files are compared with Keras on raw clips, but {configuration.data.name} data "
            "holds none; add data=sample, or data=asl_signs data.root=DIR."
        )
    all_clips = store.all_clips
    usable = ~all_clips.is_test
    choices = (usable & held_out.among(all_clips), usable, np.ones(len(all_clips), bool))
    candidates = np.flatnonzero(next(filter(np.any, choices)))
    spread = np.linspace(0, len(candidates) - 1, min(count, len(candidates))).round().astype(int)
    chosen = candidates[np.unique(spread)]
    places = np.array([signs.index(s) if s in signs else -1 for s in store.signs], np.int32)
    clips = [store.listing.read(clip) for clip in chosen.tolist()]
    return clips, places[all_clips.labels[chosen]]


def write_files(
    recognizer: KerasRecognizer,
    folder: Path,
    clips: Sequence[Float32],
    labels: NDArray[np.int32],
    *,
    precisions: Sequence[Precision],
    with_onnx: bool = False,
) -> list[Agreement]:
    """Writes the files into a folder, once all agree.

    Args:
        recognizer: The model, or several which are averaged.
        folder: Where to.
        clips: float32 [frames, 543, 3] each, on which the files are compared with Keras.
        labels: int32 [clips], the sign of each or -1.
        precisions: Of the weights, a LiteRT file each.
        with_onnx: Whether an ONNX file is written, too.

    Raises:
        GislrError: A file of float32 weights does not agree with Keras.
    """
    from gislr.export.litert import SUBMISSION, litert, submission

    expected, signs = recognizer.probabilities(clips), recognizer.signs
    contents: dict[str, bytes] = {}
    agreements = []

    def add(file: str, content: bytes, runner: Any, *, exact: bool) -> None:
        contents[file] = content
        size = len(content)
        agreements.append(
            compare(runner, clips, labels, expected, file=file, size=size, exact=exact)
        )

    ordered = sorted(precisions, key=PRECISIONS.index)
    files = litert(recognizer.models, ordered) if ordered else []
    for precision, content in zip(ordered, files, strict=True):
        exact = precision == "float32"
        file = LITERT_FILE if exact else LITERT_FILE.replace(".", f"_{precision}.")
        add(file, content, LiteRTRecognizer(content, signs), exact=exact)
    if zipped := submission(list(contents.values())):
        contents[SUBMISSION] = zipped
    if with_onnx:
        from gislr.export.onnx import ONNX_FILE, ONNXRecognizer, onnx

        content = onnx(recognizer.models)
        add(ONNX_FILE, content, ONNXRecognizer(content, signs), exact=True)
    measured = [dataclasses.asdict(agreement) for agreement in agreements]
    contents["measured.json"] = json.dumps(measured, indent=1).encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with atomic_file(folder / name) as beside:
            beside.write_bytes(content)
    return agreements
