"""Small asl-signs folders and stores that tests are run on."""

import csv
import gc
import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from gislr.data.landmarks import GROUPS, LANDMARKS_PER_FRAME, LEFT_HAND, RIGHT_HAND
from gislr.data.listing import Listing
from gislr.data.preprocessing import PreprocessingSettings, reference
from gislr.data.store import Store, open_store
from gislr.data.store_writer import FrameBlock, write_store
from gislr.tracking import tracking_store
from gislr.utils.paths import config_folder

PARITY = Path(__file__).parent / "data"
TYPES = np.repeat(list(GROUPS), [size for _, size in GROUPS.values()])
NUMBERS = np.concatenate([np.arange(size) for _, size in GROUPS.values()])
REFERENCE = reference(64)


def pytest_configure() -> None:
    """Lets Ctrl-C reach the commands that tests start, also where tests run in the background.

    Looking for garbage while all tests are imported would take a tenth of the time.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def configured(registry, name, /, **changes):
    """Returns the settings of `conf/GROUP/NAME.yaml` with some keys changed."""
    path = config_folder() / registry.key / f"{name}.yaml"
    return registry.read({**OmegaConf.to_container(OmegaConf.load(path)), **changes})


def whole(
    landmarks: str = "both_hands", dominant_hand: str = "motion", axes: str = "xy"
) -> PreprocessingSettings:
    """Settings that keep whole clips, of at most 64 frames."""
    return PreprocessingSettings(
        name="whole", frames=64, landmarks=landmarks, dominant_hand=dominant_hand, axes=axes
    )


def landmarks_of(frames: int, seed: int = 0, *, hand: str | None = "left") -> np.ndarray:
    """Random landmarks, float32 [frames, 543, 3], in which one hand or none was found."""
    landmarks = np.random.default_rng(seed).random((frames, LANDMARKS_PER_FRAME, 3), np.float32)
    if hand != "left":
        landmarks[:, LEFT_HAND] = np.nan
    if hand != "right":
        landmarks[:, RIGHT_HAND] = np.nan
    return landmarks


def clip_table(landmarks: np.ndarray, first_frame: int = 20) -> pa.Table:
    """A clip as a table in the columns and types of the real files."""
    frames = len(landmarks)
    number = np.repeat(np.arange(first_frame, first_frame + frames), LANDMARKS_PER_FRAME)
    kinds, index = np.tile(TYPES, frames), np.tile(NUMBERS, frames)
    return pa.table(
        {
            "frame": pa.array(number, pa.int16()),
            "row_id": [f"{n}-{k}-{i}" for n, k, i in zip(number, kinds, index, strict=True)],
            "type": pa.array(kinds.tolist()),
            "landmark_index": pa.array(index, pa.int16()),
            **{
                axis: pa.array(landmarks[..., k].reshape(-1).astype(np.float64), from_pandas=True)
                for k, axis in enumerate("xyz")
            },
        }
    )


def write_folder(root: Path, clips: list[tuple[str, str, np.ndarray]]) -> Path:
    """Writes (signer, sign, landmarks) as an asl-signs folder."""
    signs = sorted({sign for _, sign, _ in clips})
    root.mkdir(parents=True, exist_ok=True)
    with (root / "train.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "participant_id", "sequence_id", "sign"])
        for k, (signer, sign, landmarks) in enumerate(clips):
            path = f"train_landmark_files/{signer}/{1000 + k}.parquet"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(clip_table(landmarks), root / path)
            writer.writerow([path, signer, 1000 + k, sign])
    label_map = {sign: label for label, sign in enumerate(signs)}
    (root / "sign_to_prediction_index_map.json").write_text(json.dumps(label_map))
    return root


def separable_clips(signers: int = 4, signs: int = 4, repeats: int = 2) -> list:
    """Clips whose sign can be learned: the hand's height tells it."""
    clips = []
    for signer in range(signers):
        for sign in range(signs):
            for repeat in range(repeats):
                seed = (signer * signs + sign) * repeats + repeat
                landmarks = landmarks_of(3 + seed % 9, seed, hand=("left", "right")[signer % 2])
                for hand in (LEFT_HAND, RIGHT_HAND):
                    landmarks[:, hand, 1] = sign / signs + 0.02 * landmarks[:, hand, 1]
                clips.append((str(100 + signer), f"sign{sign}", landmarks))
    return clips


@pytest.fixture(scope="session", autouse=True)
def quick_commits():
    """The databases of tests do not wait for the disk: they survive kills, and need no more."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def connected(connection, _):
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", connected)
    yield
    event.remove(Engine, "connect", connected)


@pytest.fixture(scope="session", autouse=True)
def copied_databases(tmp_path_factory):
    """New tracking stores are copies of the first one, which takes MLflow two seconds to make.

    Its value is the function that makes one, for tests of it.
    """
    create, first = tracking_store._create, tmp_path_factory.mktemp("first") / "mlflow.db"

    def copy(database):
        if not first.exists():
            create(first)
        shutil.copy(first, database)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tracking_store, "_create", copy)
        yield create


@pytest.fixture(scope="session")
def asl_signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder: 4 signers, 4 signs, 32 clips with a hand and one without."""
    clips = [*separable_clips(), ("100", "sign0", landmarks_of(5, hand=None))]
    return write_folder(tmp_path_factory.mktemp("data") / "asl signs ü", clips)


def make_store(
    folder: Path,
    lengths: list[int],
    seed: int = 0,
    signs: int = 3,
    preprocessing: PreprocessingSettings = REFERENCE,
) -> Store:
    """A store of random frames; clip k shows sign k % signs by signer k % 2."""
    rng = np.random.default_rng(seed)
    clips, total = len(lengths), sum(lengths)
    index = [np.sort(rng.choice(3 * n, n, replace=False)) for n in lengths if n]
    index = [values - values[0] for values in index]
    block = FrameBlock(
        frames=rng.normal(size=(total, len(preprocessing.landmark_set), 3)).astype(np.float32),
        frame_index=np.concatenate([np.zeros(0), *index]).astype(np.float32),
        lengths=np.array(lengths, np.int64),
        raw_lengths=np.array(lengths, np.int64),
        left_dominant=np.ones(clips, bool),
    )
    names = [str(k) for k in range(clips)]
    listing = Listing(
        root=folder,
        paths=names,
        signers=[str(k % 2) for k in range(clips)],
        labels=np.arange(clips, dtype=np.int32) % signs,
        signs=[f"sign{k}" for k in range(signs)],
    )
    write_store(folder, [block], listing, preprocessing, total)
    return open_store(folder, preprocessing.axes)


@pytest.fixture(scope="module")
def workplace(asl_signs, tmp_path_factory):
    """Overrides that keep data, cache and runs in a folder of their own."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        "data=asl_signs",
        f"data.root={asl_signs}",
        f"preparation.cache={folder / 'cache'}",
        f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
    ]


@pytest.fixture(scope="module")
def client(workplace):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow

    mlflow.set_tracking_uri(workplace[-1].removeprefix("tracking.uri="))
    return mlflow.MlflowClient()
