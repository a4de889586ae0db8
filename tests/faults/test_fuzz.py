"""Fuzzed and generated input for every reader: a result or a sentence, soon, in little memory.

GISLR_FUZZ_SECONDS says how long atheris runs, all readers together.
"""

import json
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from tests.conftest import clip_table, landmarks_of
from tests.faults.fuzz import CORPUS, LONGEST_SECONDS, outcome
from tests.faults.fuzz_seeds import CSV, REPORT, npy, npz, parquet
from tests.faults.fuzz_targets import TARGETS

FUZZED_SECONDS = int(os.environ.get("GISLR_FUZZ_SECONDS", "600"))
KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
ODD = st.sampled_from(
    ["", " ", "\n", "\x00", "\x1b]0;x\x07", '"', "é" * 10_000, "../../etc", "/etc/passwd", "NaN",
     "<script>", "${oc.env:HOME}", "-1", "1e999", "\u202e", "\ud7ff", "\ufeff", "%s", "{}", "[]"]
)  # fmt: skip
TEXT = ODD | st.text(max_size=20)


@pytest.fixture
def reader(tmp_path):
    """Returns the reader of a target's cases."""

    @cache
    def begun(name):
        (tmp_path / name).mkdir()
        read = TARGETS[name].begin(tmp_path / name)
        for content in TARGETS[name].seeds().values():
            outcome(read, content)  # imports what it needs, which no case is blamed for
        return read

    return begun


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_fuzzing_found_stays_mended(path, reader):
    outcome(reader(path.parent.name), path.read_bytes())


@pytest.mark.faults
@pytest.mark.parametrize("name", TARGETS)
def test_fuzzed_input_is_read_or_refused_in_a_sentence(name, tmp_path, record_figure):
    pytest.importorskip("atheris")
    seconds = FUZZED_SECONDS // len(TARGETS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", name, str(seconds), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 300,
    )
    wrong = [path.read_text() for path in tmp_path.glob("wrong-*.txt")]
    assert not wrong, "\n".join(wrong)
    assert done.returncode == 0, done.stderr[-3000:]  # a hang, or too much memory
    read, refused, ended, _ = (tmp_path / "counts").read_text().split()
    record_figure(f"{read} read, {refused} refused, {ended} ended in {seconds} s")
    assert ended == "0" or name == "model"


def generated(strategy, examples):
    """Decorates a test of many generated cases."""

    def decorate(test):
        limits = settings(
            max_examples=examples, deadline=1000 * LONGEST_SECONDS, suppress_health_check=HEALTH
        )
        return pytest.mark.faults(limits(given(case=strategy)(test)))

    return decorate


@st.composite
def odd_tables(draw):
    """A clip with another column, other names, or a part of its rows."""
    table = clip_table(landmarks_of(draw(st.integers(1, 3)), draw(st.integers(0, 99))))
    kinds = [pa.string(), pa.float32(), pa.int64(), pa.bool_(), pa.large_string(), pa.binary()]
    name = draw(st.sampled_from(table.column_names))
    nulls = pa.nulls(len(table), draw(st.sampled_from(kinds)))
    start, length = draw(st.integers(0, len(table))), draw(st.integers(0, len(table)))
    names = draw(st.lists(TEXT, min_size=7, max_size=7))
    place = table.column_names.index(name)
    changes = [
        lambda: table.set_column(place, name, nulls),
        lambda: table.slice(start, length),
        lambda: table.rename_columns(names),
        lambda: table.append_column(name, table.column(name)),
        lambda: table.drop_columns([name]),
    ]
    return draw(st.sampled_from(changes))()


@generated(odd_tables(), 300)
def test_odd_tables(case, reader):
    outcome(reader("parquet"), parquet(case))


SHAPES = of_numpy.array_shapes(min_dims=0, min_side=0, max_side=5)


@generated(of_numpy.arrays(of_numpy.array_dtypes() | of_numpy.scalar_dtypes(), SHAPES), 500)
def test_odd_arrays(case, reader):
    outcome(reader("npy"), npy(case))
    outcome(reader("npz"), npz(case))


@generated(st.tuples(st.integers(0, 3), of_numpy.scalar_dtypes(), st.booleans()), 200)
def test_the_report_s_arrays_of_other_types(case, reader):
    place, kind, is_short = case
    array = np.zeros(list(REPORT.values())[place].shape, kind)
    outcome(reader("report"), bytes([place]) + npy(array[:-1] if is_short else array))


@generated(st.tuples(st.integers(0, 3), TEXT), 500)
def test_odd_names_in_a_listing(case, reader):
    place, name = case
    head, row = CSV.decode().splitlines()
    fields = row.split(",")
    fields[place] = '"{}"'.format(name.replace('"', '""'))
    outcome(reader("listing"), f"{head}\n{','.join(fields)}\n".encode(errors="replace"))
    outcome(
        reader("manifest"), f"path,sign,signer,split\n{','.join(fields)}\n".encode(errors="replace")
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)
WLASL_ENTRY = st.fixed_dictionaries(
    {
        "gloss": JSON,
        "instances": JSON | st.lists(st.dictionaries(TEXT, JSON, max_size=4), max_size=3),
    }
)


@generated(JSON | st.lists(WLASL_ENTRY, max_size=3), 500)
def test_odd_json(case, reader):
    content = json.dumps(case).encode(errors="replace")
    for name in ("label_map", "threshold", "metadata", "store"):
        outcome(reader(name), content)


@generated(
    st.tuples(st.integers(0, 10**6), TEXT | st.floats().map(str) | JSON.map(json.dumps)), 300
)
def test_odd_values_of_every_key(case, reader):
    from gislr.config.hydra_errors import known_keys

    keys = [*known_keys("train"), "_target_", "model._target_", "+new", "a b", "hydra.run.dir"]
    place, value = case
    outcome(reader("overrides"), f"{keys[place % len(keys)]}={value}".encode(errors="replace"))
