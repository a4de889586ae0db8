"""`training.precision=auto`."""

import pytest

from gislr.config import precision
from gislr.config.configuration import default_configuration


@pytest.mark.parametrize(
    ("flags", "capability", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16", None, "mixed_bfloat16"),
        ("fpu amx_bf16", None, "mixed_bfloat16"),
        ("fpu avx2 avx512f", None, "float32"),
        ("fpu avx2", "9.0", "mixed_bfloat16"),
        ("fpu avx512_bf16", "7.5", "float32"),
        ("fpu avx512_bf16", "no devices were found", "mixed_bfloat16"),
    ],
)
def test_the_faster_precision_is_found(flags, capability, expected, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    monkeypatch.setattr(precision, "_PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setenv("PATH", str(tmp_path))
    if capability:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\necho {capability}\n")
        tool.chmod(0o755)
    assert precision.fastest_precision.__wrapped__()[0] == expected


def test_a_run_records_the_precision_that_was_chosen():
    configuration = default_configuration("training.precision=auto")
    chosen, reason = precision.fastest_precision()
    assert configuration.training.precision == chosen
    assert configuration.values["training"]["precision"] == chosen
    assert reason
