"""How step time and memory grow with the number of clips, up to the real set's.

    python -m benchmarks.scale [--clips 1000 10000 94477] [--steps 4]

Each size is trained in a process of its own; landmarks are made up.
"""

from __future__ import annotations

import argparse
import statistics as middle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.made_up import REAL_CLIPS, made_up_store


def measure(folder: Path, steps: int) -> str:
    """Opens a store, trains the default model for some steps and returns a line of figures."""
    import psutil

    from benchmarks.training import VARIANTS, Variant
    from gislr.data.store import open_store
    from gislr.utils.quiet import quiet_backend

    began = time.perf_counter()
    store = open_store(folder)
    opened = time.perf_counter() - began
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
    with quiet_backend():
        import keras

    keras.utils.set_random_seed(0)
    variant = Variant(store, *VARIANTS["packed float32"])
    variant.step(0)
    seconds = [variant.step(number) for number in range(1, steps + 1)]
    memory = psutil.Process().memory_info()
    return (
        f"{len(store.clips):>7,} clips  open {opened:5.2f} s ({size / opened:.2f} GB/s)  "
        f"step {middle.median(seconds):5.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f})  batch built in "
        f"{middle.median(variant.packing) / middle.median(seconds):.1%} of it  "
        f"resident {memory.rss / 2**30:.2f} GiB (of it {memory.shared / 2**30:.2f} mapped files), "
        f"peak {peak_memory():.2f} GiB"
    )


def peak_memory() -> float:
    """Returns the most memory that this process has had, GiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


def main() -> None:
    """Prints one line a size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[1_000, 10_000, REAL_CLIPS])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.store:
        print(measure(arguments.store, arguments.steps))
        return
    for clips in arguments.clips:
        with tempfile.TemporaryDirectory() as folder:
            made_up_store(Path(folder) / "store", clips)
            command = [sys.executable, "-m", "benchmarks.scale", "--steps", str(arguments.steps)]
            subprocess.run([*command, "--store", f"{folder}/store"], check=True)


if __name__ == "__main__":
    main()
