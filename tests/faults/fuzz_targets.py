"""What reads broken input: by name, valid files to begin with and the reader of any bytes."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import clip_table, landmarks_of, separable_clips, write_folder
from tests.faults.forked import in_processes
from tests.faults.fuzz_seeds import (
    CSV,
    HANDS,
    RECORDED,
    REPORT,
    SIGNS,
    WLASL,
    kept,
    npy,
    npz,
    parquet,
    pose,
    request,
)


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        begin: Called once with an empty folder; returns what reads the bytes of a case.
        seeds: Files that it reads.
    """

    begin: Callable[[Path], Callable[[bytes], object]]
    seeds: Callable[[], Mapping[str, bytes]]


def of_file(name: str, read: Callable[[Path], object]) -> Callable[..., Callable[[bytes], object]]:
    """Returns a target's beginning: each case becomes a file."""

    def begin(folder: Path) -> Callable[[bytes], object]:
        def case(content: bytes) -> object:
            (folder / name).write_bytes(content)
            return read(folder / name)

        return case

    return begin


def clip(path: Path) -> object:
    from gislr.data.clip_files import require_clip

    return require_clip(path)


def listing(folder: Path) -> Callable[[bytes], object]:
    from gislr.data.kaggle_folder import read_asl_signs

    write_folder(folder, separable_clips(2, 2, 1))
    return of_file("train.csv", lambda path: read_asl_signs(path.parent))(folder)


def manifest(path: Path) -> object:
    from gislr.data.manifest_rows import read_rows
    from gislr.data.sources.clips import read_manifest

    (path.parent / "clips").mkdir(exist_ok=True)
    (path.parent / "clips/0.npy").touch()
    if path.suffix == ".csv":
        read_rows(path)
    return read_manifest(path)


def label_map(path: Path) -> object:
    from gislr.data.label_map import read_label_map

    return read_label_map(path)


def threshold(path: Path) -> object:
    from gislr.inference.litert_recognizer import read_threshold

    return read_threshold(path)


def metadata(path: Path) -> object:
    from gislr.data.importers import IMPORTERS
    from gislr.data.manifest_writer import write_manifest

    (path.parent / "videos").mkdir(exist_ok=True)
    (path.parent / "videos/69241.mp4").touch()
    return write_manifest(IMPORTERS["wlasl"](), path.parent, None, path.parent / "manifest.csv")


def checkpoint(path: Path) -> object:
    from gislr.training.checkpoints import Checkpoints

    return Checkpoints(path.parent).newest()


def cases(path: Path) -> object:
    from gislr.workflows.parity import read_cases

    return read_cases(path)


def store(path: Path) -> object:
    from gislr.data.store import open_store

    return open_store(path.parent)


def report(folder: Path) -> Callable[[bytes], object]:
    """The first byte says which of the report's arrays the others are."""
    from gislr.data.sources.arrays import prepare_arrays

    whole = {name: npy(array) for name, array in REPORT.items()}

    def case(content: bytes) -> object:
        broken = list(REPORT)[content[0] % len(REPORT)] if content else "X.npy"
        for name, valid in whole.items():
            (folder / name).write_bytes(content[1:] if name == broken else valid)
        return prepare_arrays(folder, "who.npy", axes="xy", cache=folder / "cache")

    return case


def overrides(folder: Path) -> Callable[[bytes], object]:
    from gislr.config.configuration import default_configuration

    return lambda content: default_configuration(*content.decode(errors="replace").split("\n"))


def upload(folder: Path) -> Callable[[bytes], object]:
    """A whole request to the page that records signs, with clips as its body."""
    from gislr.record.record_server import RecordServer
    from gislr.record.recordings import Recordings

    recordings = Recordings(folder / "recorded", "anna", "today")
    server = RecordServer(
        ("127.0.0.1", 0), recordings, SIGNS, repetitions=1, seconds=0.5, video=False, mediapipe={}
    )
    address = server.address.removeprefix("http://").encode()

    def case(content: bytes) -> object:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
            ours.sendall(content[: 2**17].replace(b"HOST", address))
            ours.shutdown(socket.SHUT_WR)
            server.RequestHandlerClass(theirs, ("127.0.0.1", 0), server)
            theirs.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: ours.recv(2**16), b""))
        assert b" 500 " not in answer[:20], answer[:300]
        return answer

    return case


def model(folder: Path) -> Callable[[bytes], object]:
    """Each case in a process of its own, which LiteRT may end: it checks no number of the file."""
    import ai_edge_litert.interpreter  # noqa: F401

    from gislr.inference.litert_recognizer import LiteRTRecognizer

    shown = [landmarks_of(3)]
    return in_processes(lambda content: LiteRTRecognizer(content, SIGNS).probabilities(shown))


TARGETS = {
    "parquet": Target(
        of_file("clip.parquet", clip),
        lambda: {"clip": parquet(clip_table(landmarks_of(2)))},
    ),
    "npy": Target(of_file("clip.npy", clip), lambda: {"clip": npy(HANDS)}),
    "npz": Target(of_file("clip.npz", clip), lambda: {"clip": npz(HANDS)}),
    "checkpoint": Target(of_file("000001.npz", checkpoint), lambda: {"npz": npz(HANDS)}),
    "parity": Target(of_file("cases.npz", cases), lambda: {"npz": npz(HANDS)}),
    "pose": Target(of_file("clip.pose", clip), lambda: {"clip": pose()}),
    "listing": Target(listing, lambda: {"csv": CSV}),
    "manifest": Target(
        of_file("clips.csv", manifest),
        lambda: {"csv": b"path;sign;signer;split;start;end\nclips/0.npy;a;1;train;0;4\n"},
    ),
    "label_map": Target(of_file("map.json", label_map), lambda: {"map": b'{"a": 0, "b": 1}'}),
    "threshold": Target(
        of_file("rejection.json", threshold), lambda: {"json": b'{"rejection_threshold": 0.5}'}
    ),
    "metadata": Target(
        of_file("WLASL_v0.3.json", metadata), lambda: {"json": json.dumps(WLASL).encode()}
    ),
    "store": Target(of_file("store.json", store), lambda: {"json": kept("store/store.json")}),
    "report": Target(
        report,
        lambda: {
            f"{k}": bytes([k]) + npy(a[:4, :8]) if a.ndim > 1 else bytes([k]) + npy(a)
            for k, a in enumerate(REPORT.values())
        },
    ),
    "overrides": Target(
        overrides, lambda: {"text": b"model.units=64\nsplit=group_kfold\nseed=3", "old": b"awp=1"}
    ),
    "upload": Target(
        upload, lambda: {"clip": request(RECORDED), "about": request(b"", "/about", "GET")}
    ),
    "model": Target(model, lambda: {"tflite": kept("export/model.tflite")}),
}
"""By name."""
