"""Which precision is faster on this machine: `training.precision=auto`."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "mixed_bfloat16"

_PROCESSOR = Path("/proc/cpuinfo")
_PRODUCTS = {"avx512_bf16": "AVX512-BF16", "amx_bf16": "AMX-BF16"}
"""Flags of processors that multiply bfloat16; others compute it in float32, more slowly."""

_LEAST_CAPABILITY = 8.0
"""Of NVIDIA's GPUs with products of bfloat16: Ampere and later."""


@cache
def fastest_precision() -> tuple[str, str]:
    """Returns the faster precision, and why.

    An NVIDIA GPU decides where there is one, otherwise the processor. Only Linux tells what a
    processor can do; elsewhere it is float32.
    """
    if capability := _gpu_capability():
        faster = capability >= _LEAST_CAPABILITY
        return (
            BFLOAT16 if faster else FLOAT32,
            f"the GPU's compute capability is {capability}; from {_LEAST_CAPABILITY} on it "
            "multiplies bfloat16",
        )
    flags = _PROCESSOR.read_text(encoding="utf-8") if _PROCESSOR.is_file() else ""
    for flag, product in _PRODUCTS.items():
        if flag in flags.split():
            return BFLOAT16, f"the processor has {product}"
    return FLOAT32, f"the processor has none of {', '.join(_PRODUCTS.values())}"


def _gpu_capability() -> float:
    """Returns the compute capability of the first NVIDIA GPU; 0 without one."""
    if not (command := shutil.which("nvidia-smi")):
        return 0.0
    query = [command, "--query-gpu=compute_cap", "--format=csv,noheader"]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    try:
        return float(found[0])
    except (IndexError, ValueError):
        return 0.0
