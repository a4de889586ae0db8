"""Reads broken input many times, in a process of its own: `python -m tests.faults.fuzz NAME`.

Prints a JSON object: how many cases there were, how many were read, how many were refused in a
sentence, and what went wrong.
"""

import json
import random
import resource
import signal
import string
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gislr.utils.errors import GislrError
from tests.conftest import clip_table, landmarks_of, separable_clips, write_folder

SECONDS = 10
ODD_NAMES = [
    "", " ", "\n", "a\nb", "\x00", "\x1b]0;x\x07", '"', "'", ",", "💃", "é" * 10_000, "x" * 10_000,
    "../../etc", "/etc/passwd", "<script>alert(1)</script>", "${oc.env:HOME}", "a=b", "\u202e",
    "NaN", "-1", "1e999", "null", "\\", "%s", "{}", "[]", "\ud7ff", "\ufeff",
]  # fmt: skip


class Slow(BaseException):
    """A case exceeded the time limit."""


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Changes, cuts, doubles or inserts some bytes."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        place = rng.randrange(len(changed)) if changed else 0
        how = rng.randrange(6)
        if how == 0 and changed:
            changed[place] ^= 1 << rng.randrange(8)
        elif how == 1 and changed:
            changed[place] = rng.choice([0, 1, 127, 128, 255])
        elif how == 2:
            del changed[place:]
        elif how == 3:
            changed[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(9)))
        elif how == 4:
            del changed[place : place + rng.randrange(1, 64)]
        else:
            changed[place : place + 8] = rng.randrange(2**63).to_bytes(8, "little")
    return bytes(changed)


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Changes single bits, after which most of a file still makes sense."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 2, 10])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def parquet_cases(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Changed bytes, and whole files with columns of other types and numbers of rows."""
    from gislr.data.clip_files import require_clip

    path = folder / "clip.parquet"
    table = clip_table(landmarks_of(rng.randrange(1, 4), rng.randrange(99)))
    how = rng.randrange(5)
    if how == 0:
        name = rng.choice(table.column_names)
        kind = rng.choice([pa.string(), pa.float32(), pa.int64(), pa.bool_(), pa.large_string()])
        values = pa.nulls(len(table), kind)
        table = table.set_column(table.column_names.index(name), name, values)
    elif how == 1:
        table = table.slice(0, rng.randrange(len(table)))
    elif how == 2:
        table = table.rename_columns([rng.choice(ODD_NAMES) + str(k) for k in range(7)])
    pq.write_table(table, path, compression=rng.choice(["snappy", "zstd", "none"]))
    if how > 2:
        path.write_bytes(mutated(path.read_bytes(), rng))
    return lambda: require_clip(path)


def listing_cases(rng: random.Random, folder: Path) -> Callable[[], object]:
    """A train.csv with odd names, and with changed bytes."""
    from gislr.data.kaggle_folder import read_asl_signs

    root = folder / "data"
    if not root.exists():
        write_folder(root, separable_clips(2, 2, 1))
        (folder / "whole.csv").write_bytes((root / "train.csv").read_bytes())
    whole = (folder / "whole.csv").read_bytes()
    if rng.random() < 0.5:
        (root / "train.csv").write_bytes(mutated(whole, rng))
    else:
        lines = whole.decode().splitlines()
        fields = lines[1].split(",")
        odd = rng.choice(ODD_NAMES).replace('"', '""')
        fields[rng.randrange(4)] = f'"{odd}"'
        lines[rng.randrange(len(lines))] = ",".join(fields)
        (root / "train.csv").write_text("\n".join(lines), encoding="utf-8", errors="replace")
    return lambda: read_asl_signs(root)


def label_map_cases(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Odd JSON and changed bytes."""
    from gislr.data.label_map import read_label_map

    path = folder / "map.json"
    odd = [None, True, -1, 1.5, 2**70, [], {}, "0", float("nan"), 0, 1]
    made = {rng.choice(ODD_NAMES): rng.choice(odd) for _ in range(rng.randrange(4))}
    text = json.dumps(rng.choice([made, list(made), None, made, "[" * 100_000]))
    path.write_bytes(mutated(text.encode(), rng) if rng.random() < 0.5 else text.encode())
    if rng.random() < 0.1:
        path.write_bytes(b"[" * 100_000)
    return lambda: read_label_map(path)


def array_cases(rng: random.Random, folder: Path) -> Callable[[], object]:
    """The report's arrays: changed bytes, pickles, other shapes and types."""
    from gislr.data.sources.arrays import prepare_arrays

    frames = np.zeros((4, 64, 66, 3), np.float32)
    index = np.full((4, 64), -1, np.float32)
    index[:, :3] = range(3)
    arrays = {
        "X.npy": frames, "y.npy": np.arange(4), "NON_EMPTY_FRAME_IDXS.npy": index,
        "who.npy": np.array(["1", "2", "3", "4"]),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(folder / name, array)
    name = rng.choice(list(arrays))
    how = rng.randrange(4)
    if how == 0:
        odd = [
            np.array([{}], object),
            np.array(rng.choice(ODD_NAMES)),
            np.zeros((4, 0)),
            np.zeros(0),
        ]
        np.save(folder / name, rng.choice(odd), allow_pickle=True)
    elif how == 1:
        header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }"
        claimed = header % rng.choice([10**9, 10**15, 2**63])
        (folder / name).write_bytes(claimed.ljust(127) + b"\n" + b"0" * 99)
    elif how == 2:
        kind = rng.choice([np.float16, np.int8, np.complex64, "S3", "datetime64[s]"])
        np.save(folder / name, np.zeros(arrays[name].shape, kind))
    else:
        content = (folder / name).read_bytes()
        head = mutated(content[:200], rng)
        (folder / name).write_bytes(head + content[200:])
    return lambda: prepare_arrays(folder, "who.npy", axes="xy", cache=folder / "cache")


def configuration_cases(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Overrides of known and unknown keys with odd values."""
    from gislr.config.configuration import default_configuration
    from gislr.config.hydra_errors import known_keys

    keys = _KEYS or _KEYS.extend(known_keys("train")) or _KEYS
    key = rng.choice([*keys, *keys, "_target_", "model._target_", "+new", "a b", "hydra.run.dir"])
    values = [
        *ODD_NAMES[:8], *ODD_NAMES[13:], "os.system", "[1,2]", "{a: 1}", "1e308", "-5", "0", "true",
        "".join(rng.choices(string.printable, k=8)), "9" * 400,
    ]  # fmt: skip
    override = f"{key}={rng.choice(values)}"
    return lambda: default_configuration(override)


_KEYS: list[str] = []


def model_cases(rng: random.Random, folder: Path) -> Callable[[], object]:
    """An exported file with changed bytes, and label maps of other signs."""
    from gislr.config.tracking_settings import TrackingSettings
    from gislr.data.label_map import LABEL_MAP, write_label_map
    from gislr.inference.open_model import open_recognizer
    from tests.test_export import SIGNS

    whole = folder / "whole.tflite"
    if not whole.exists():
        whole.write_bytes(_exported())
    path = folder / "model.tflite"
    content = whole.read_bytes()
    how = rng.choice([0, 0, 0, 1, 2, 3])
    broken = {
        0: lambda: flipped(content, rng),
        1: lambda: content[: rng.randrange(len(content))],
        2: lambda: bytes(rng.randrange(256) for _ in range(rng.randrange(400))),
        3: lambda: mutated(content[:3000], rng) + content[3000:],
    }[how]()
    path.write_bytes(broken)
    write_label_map(folder / LABEL_MAP, SIGNS)

    def recognize() -> object:
        settings = TrackingSettings(uri=None, experiment="gislr", run_name=None)
        return open_recognizer(settings, str(path)).probabilities([landmarks_of(3)])

    return recognize


def _exported() -> bytes:
    from gislr.export.litert import litert
    from tests.test_export import trained

    return litert([trained("transformer")])[0]


CASES = {
    "parquet": (parquet_cases, 200),
    "listing": (listing_cases, 120),
    "label map": (label_map_cases, 120),
    "arrays": (array_cases, 120),
    "configuration": (configuration_cases, 120),
    "model": (model_cases, 150),
}
"""By name: the function that makes a case, and the number of cases."""


def main(name: str) -> None:
    """Runs the cases of one reader."""
    cases, count = CASES[name]
    rng = random.Random(name)
    found = {"cases": 0, "read": 0, "refused": 0, "wrong": []}

    def too_slow(number: int, frame: object) -> None:
        raise Slow

    signal.signal(signal.SIGALRM, too_slow)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            found["cases"] += 1
            case = cases(rng, Path(folder))
            print(f"case {number}", file=sys.stderr, flush=True)
            signal.alarm(SECONDS)
            try:
                case()
                found["read"] += 1
            except GislrError as error:
                found["refused"] += 1
                if "\x1b" in str(error) or len(str(error)) > 3000:
                    found["wrong"].append(f"case {number}: raw text {str(error)[:100]!r}")
            except (Exception, Slow) as error:
                found["wrong"].append(f"case {number}: {type(error).__name__}: {str(error)[:200]}")
            finally:
                signal.alarm(0)
    found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
