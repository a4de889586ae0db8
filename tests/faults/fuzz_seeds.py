"""Valid files of every kind, which fuzzing begins with."""

import io
import tarfile

import numpy as np
import pyarrow.parquet as pq

from tests.compat_files import FOLDER
from tests.conftest import landmarks_of

SIGNS = ["book", "drink", "hello"]

REPORT = {
    "X.npy": np.zeros((4, 64, 66, 3), np.float32),
    "y.npy": np.arange(4),
    "NON_EMPTY_FRAME_IDXS.npy": np.where(np.arange(64) < 3, np.arange(64), -1.0)[None]
    .repeat(4, 0)
    .astype(np.float32),
    "who.npy": np.array(["1", "2", "3", "4"]),
}


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def npz(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, landmarks=array)
    return content.getvalue()


def parquet(table: object) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def pose() -> bytes:
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    points = [str(k) for k in range(21)]
    hand = PoseHeaderComponent("LEFT_HAND_LANDMARKS", points, [], [], "XYZC")
    values = np.full((2, 1, 21, 3), 0.5, np.float32)
    header = PoseHeader(0.1, PoseHeaderDimensions(100, 100, 0), [hand])
    content = io.BytesIO()
    Pose(header, NumPyPoseBody(25, values, np.ones((2, 1, 21), np.float32))).write(content)
    return content.getvalue()


def kept(name: str) -> bytes:
    """Returns a file of those that `tests.compat_files` keeps."""
    with tarfile.open(min(FOLDER.glob("*.tar.xz"))) as archive:
        return archive.extractfile(f"./{name}").read()


def request(body: bytes, path: str = "/clips?sign=book&frames=2", method: str = "POST") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: HOST\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


HANDS = np.full((3, 42, 3), 0.5, np.float32)
RECORDED = landmarks_of(2).tobytes() + np.array([0, 0.04], np.float32).tobytes()
CSV = (
    b"path,participant_id,sequence_id,sign\ntrain_landmark_files/100/1000.parquet,100,1000,sign0\n"
)
INSTANCE = {"video_id": "69241", "url": "http://a/b.mp4", "signer_id": 1, "split": "train"}
WLASL = [{"gloss": "book", "instances": [{**INSTANCE, "frame_start": 1, "frame_end": -1}]}]
