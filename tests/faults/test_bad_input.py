"""Odd and huge sets of data: a sentence or a result, soon, in little memory."""

import csv
import json
import resource
import time

import pytest

from tests.commands import TINY, gislr
from tests.conftest import landmarks_of, separable_clips, write_folder

MEGABYTES = 2000


@pytest.mark.faults
def test_a_listing_of_a_million_rows_is_read_in_time(tmp_path, record_figure):
    root = write_folder(tmp_path / "clips", separable_clips(2, 2, 1))
    with (root / "train.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "participant_id", "sequence_id", "sign"])
        rows.writerows([f"clips/{k}.parquet", k % 21, k, "sign0"] for k in range(1_000_000))
    began = time.monotonic()
    done = prepared(root, tmp_path)
    seconds = time.monotonic() - began
    assert done.returncode == 2
    assert "Missing files: 1000000" in done.stderr.replace(",", "")
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    assert megabytes < MEGABYTES
    assert seconds < 30
    record_figure(f"{seconds:.1f} s, at most {megabytes} MB")


def prepared(root, folder):
    place = ["data=asl_signs", f"data.root={root}", f"preparation.cache={folder / 'cache'}"]
    return gislr(*place, "preparation.workers=1", module="prepare")


def only(signers=4, signs=4):
    return separable_clips(signers, signs, 2)


ODD_SETS = {
    "one signer": (only(signers=1), [], "signer"),
    "one sign": (only(signs=1), [], None),
    "a sign of one signer": ([*only(), ("100", "rare", landmarks_of(4))], [], None),
    "a sign that nobody shows": (only(), ["unseen"], None),
    "names of 10,000 letters": ([(s, g + "x" * 10_000, c) for s, g, c in only()], [], None),
    "unicode and markup": ([(s, g + '💃"<b>\u202e', c) for s, g, c in only()], [], None),
    "a line break in a sign": ([(s, g + "\n\x1b[31m", c) for s, g, c in only()], [], None),
    "quotes and line breaks in a signer": ([(s + "\"' \n;", g, c) for s, g, c in only()], [], None),
    "more clips a sign than there are": (only(), [], None),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", ODD_SETS)
def test_odd_sets_are_trained_on_or_refused_in_a_sentence(name, tmp_path, record_figure):
    clips, unseen, refused = ODD_SETS[name]
    root = write_folder(tmp_path / "clips", clips)
    label_map = root / "sign_to_prediction_index_map.json"
    signs = json.loads(label_map.read_text())
    signs |= {sign: len(signs) + k for k, sign in enumerate(unseen)}
    label_map.write_text(json.dumps(signs))
    more = ["batches.samples_per_class=100"] if name.startswith("more") else []
    done = gislr(
        "data=asl_signs", f"data.root={root}", f"preparation.cache={tmp_path / 'cache'}",
        f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}", *TINY, "training.epochs=1", *more,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    if refused:
        assert done.returncode == 2
        assert refused in done.stderr
    else:
        assert done.returncode == 0, done.stderr
    record_figure("refused in a sentence" if refused else "trained, evaluated, tracked")


@pytest.mark.faults
def test_a_sign_may_be_missing_among_those_trained_on_or_held_out(tmp_path, record_figure):
    clips = [*only(), ("100", "rare", landmarks_of(4)), ("100", "rare", landmarks_of(5))]
    root = write_folder(tmp_path / "clips", clips)
    done = gislr(
        "data=asl_signs", f"data.root={root}", f"preparation.cache={tmp_path / 'cache'}",
        f"tracking.uri=sqlite:///{tmp_path / 'mlflow.db'}", *TINY, "training.epochs=1",
        "split.folds=4", "seed=0", module="cross_validate",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "each held out once" in done.stdout
    record_figure(
        "trained and evaluated in each of 4 folds; a sign of a single signer is missing in each"
    )
