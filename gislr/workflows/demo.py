"""Serves a small local page to try a model with: sample clips, own clips, the webcam.

    python -m gislr.demo                                 the registry's champion
    python -m gislr.demo model=exports/NAME/model.tflite --clip CLIP.parquet
    python -m gislr.demo --fetch-webcam                  once: MediaPipe's JavaScript, by npm

The page is served on 127.0.0.1 only, unless --host says otherwise, and nothing leaves this machine.
Over another address browsers give no webcam.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gislr.cli.hydra_app import argument_parser, errors_as_messages
from gislr.config.tracking_settings import TrackingSettings
from gislr.utils.addresses import add_host_option, warn_of_others
from gislr.utils.errors import DataError, SettingError
from gislr.utils.log import log
from gislr.utils.paths import resolve, resolve_here
from gislr.utils.terminal import progress_bars

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

CHAMPION = "models:/gislr@champion"
_MODEL = "model="
_SAMPLES = 4


def sample_clips(own: list[Path]) -> dict[str, Callable[[], NDArray[np.float32]]]:
    """Returns what reads each clip that the page offers, by name: own ones and simulated ones.

    Args:
        own: Parquet files.

    Raises:
        DataError: A file does not exist.
    """
    from omegaconf import OmegaConf

    from gislr.data.sources.sources import PreparationSettings, raw_clips_folder
    from gislr.demo.demo_clips import read_file
    from gislr.utils.paths import config_folder

    for path in own:
        if not path.is_file():
            raise DataError(f"--clip must name a parquet file; there is no {path}.")
    names = [path.name for path in own]
    found: dict[str, Callable[[], NDArray[np.float32]]] = {
        path.name if names.count(path.name) == 1 else str(path): partial(read_file, path)
        for path in own
    }
    section = OmegaConf.to_container(OmegaConf.load(config_folder() / "data/sample.yaml"))
    with progress_bars() as progress:
        folder = raw_clips_folder(
            dict(section),  # type: ignore[arg-type]
            PreparationSettings(str(resolve(".cache")), None),
            progress,
        )
    simulated = sorted(folder.rglob("*.parquet"))[:_SAMPLES] if folder else []
    for number, path in enumerate(simulated, start=1):
        found[f"simulated clip {number}"] = partial(read_file, path)
    return found


def main() -> None:
    """Reads the command line."""
    parser = argument_parser("demo", __doc__)
    parser.add_argument("model", nargs="?", default=_MODEL + CHAMPION, help="model=MODEL")
    parser.add_argument("--clip", action="append", default=[], metavar="FILE", help="a clip to try")
    add_host_option(parser)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--uri", help="another tracking store than the project's own")
    parser.add_argument("--fetch-webcam", action="store_true", help="fetch MediaPipe's JavaScript")
    arguments = parser.parse_args()
    with errors_as_messages():
        if arguments.fetch_webcam:
            from gislr.demo.webcam import fetch

            log.info(f"MediaPipe's JavaScript is in {fetch()}")
            return
        if not arguments.model.startswith(_MODEL):
            raise SettingError(f"The model comes first, as model=MODEL; got {arguments.model!r}.")
        _serve(arguments)


def _serve(arguments: argparse.Namespace) -> None:
    from gislr.demo.server import DemoServer
    from gislr.demo.webcam import folder
    from gislr.inference.open_model import open_recognizer

    model = arguments.model.removeprefix(_MODEL)
    recognizer = open_recognizer(
        TrackingSettings(uri=arguments.uri, experiment="gislr", run_name=None), model
    )
    samples = sample_clips([resolve_here(name) for name in arguments.clip])
    # Of a file its folder tells, the whole path would be noise.
    title = "/".join(Path(model).parts[-2:]) if model.endswith(".tflite") else model
    address = (arguments.host, arguments.port)
    warn_of_others(arguments.host)
    server = DemoServer(address, recognizer, samples, webcam=folder(), title=title)
    log.info(f"gislr's page: {server.address} (Ctrl-C ends it)")
    with server:
        server.serve_forever()
