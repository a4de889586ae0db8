"""Preparing raw clips, against only reading the columns that it needs with pyarrow.

    python -m benchmarks.preparation [DIR] [--rounds 3] [--kills 5]

DIR is a folder in the asl-signs layout; the embedded sample when left out. Both use the same number
of processes. Then preparations are killed at random moments and started again; each must end with
the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics as middle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from gislr.data.kaggle_folder import read_asl_signs
from gislr.data.preparation import CLIPS_PER_SHARD, cpu_count, prepare_clips
from gislr.data.preprocessing import reference
from gislr.data.raw_clips import AXES, ORDER_COLUMN
from gislr.data.simulation import SimulationSettings
from gislr.data.sources.sample import sample_folder
from gislr.utils.paths import config_folder, resolve


def embedded_sample() -> Path:
    """Returns the folder of the simulated clips."""
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(OmegaConf.load(config_folder() / "data/sample.yaml"))
    del values["name"]
    return sample_folder(SimulationSettings(**values), resolve(".cache") / "samples")


def read_columns(paths: list[Path]) -> int:
    """Reads the needed columns of some files and returns their rows."""
    from pyarrow import parquet

    return sum(len(parquet.read_table(path, columns=[*AXES, ORDER_COLUMN])) for path in paths)


def read_columns_bare(paths: list[Path]) -> int:
    """Does the same in the quickest way that pyarrow has for small local files."""
    from pyarrow import parquet

    rows = 0
    for path in paths:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            rows += len(file.read(columns=[*AXES, ORDER_COLUMN], use_threads=False))
    return rows


def read_all(root: Path, workers: int, read: Callable[[list[Path]], int]) -> float:
    """Returns the seconds of reading the needed columns of every clip."""
    began = time.perf_counter()
    paths = [root / path for path in read_asl_signs(root).paths]
    parts = [paths[k : k + CLIPS_PER_SHARD] for k in range(0, len(paths), CLIPS_PER_SHARD)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        sum(pool.map(read, parts))
    return time.perf_counter() - began


def prepare(root: Path, workers: int) -> float:
    """Returns the seconds of preparing every clip into an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        prepare_clips(
            read_asl_signs(root), settings=reference(64), cache=Path(cache), workers=workers
        )
        return time.perf_counter() - began


def digest(cache: Path) -> str:
    """Returns a digest of the one store of a cache."""
    [store] = [path.parent for path in cache.glob("*/store.json")]
    names = ("frames.npy", "frame_index.npy", "clips.npz", "store.json")
    return hashlib.sha256(b"".join((store / name).read_bytes() for name in names)).hexdigest()


_PREPARE = (
    "import sys; from pathlib import Path; from gislr.data.preparation import prepare_clips\n"
    "from gislr.data.kaggle_folder import read_asl_signs\n"
    "from gislr.data.preprocessing import reference\n"
    "if __name__ == '__main__':\n"
    "    listing = read_asl_signs(Path(sys.argv[1]))\n"
    "    prepare_clips(listing, settings=reference(64), cache=Path(sys.argv[2]))\n"
)


def kill_and_go_on(root: Path, kills: int, longest: float) -> tuple[int, str]:
    """Kills a preparation at random moments until it ends; returns the kills and its digest."""
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "prepare.py"
        script.write_text(_PREPARE)
        cache = Path(folder) / "cache"
        while True:
            process = subprocess.Popen([sys.executable, str(script), str(root), str(cache)])
            try:
                process.wait(random.uniform(0, longest) if done < kills else None)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                done += 1
                continue
            return done, digest(cache)


def main() -> None:
    """Prints the ratio, and what became of the killed preparations."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preparation", description=__doc__)
    parser.add_argument("root", type=Path, nargs="?", help="the embedded sample when left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=5)
    arguments = parser.parse_args()
    root = arguments.root or embedded_sample()
    workers = cpu_count()
    read_all(root, workers, read_columns)
    rounds = [
        (
            prepare(root, workers),
            read_all(root, workers, read_columns),
            read_all(root, workers, read_columns_bare),
        )
        for _ in range(arguments.rounds)
    ]
    clips = len(read_asl_signs(root).paths)
    seconds = middle.median(turn[0] for turn in rounds)
    print(f"prepare {clips:,} clips with {workers} processes: {seconds:.2f} s")
    for k, name in ((1, "parquet.read_table"), (2, "ParquetFile without pre_buffer")):
        ratios = [turn[0] / turn[k] for turn in rounds]
        reading = middle.median(turn[k] for turn in rounds)
        print(
            f"  only reading the columns, {name}: {reading:.2f} s; "
            f"ratio {middle.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    _, whole = kill_and_go_on(root, 0, 0)
    kills, after = kill_and_go_on(root, arguments.kills, seconds)
    same = "the same bytes" if after == whole else "OTHER BYTES"
    print(f"killed {kills} times at random moments and started again: {same}")


if __name__ == "__main__":
    main()
