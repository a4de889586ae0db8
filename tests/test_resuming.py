"""A training that resumes after it was killed ends with the same bits."""

from types import SimpleNamespace

import numpy as np
import pytest

from gislr.tracking.run import FINISHED, PROCESS, mark_vanished
from gislr.training.checkpoints import Checkpoints
from tests.commands import TINY, gislr, history, only_run, start_gislr, wait_for_epoch, weights
from tests.tiny_training import tiny, tiny_training

EPOCHS = 5


def training(folder, seed=3):
    """A training with everything whose state must be kept: averages, dropout, late dropout."""
    return tiny_training(
        folder,
        tiny("conv_transformer", classifier_dropout_start_epoch=2),
        epochs=EPOCHS,
        seed=seed,
        schedule="cosine",
        ema_momentum=0.8,
        frame_masking=0.2,
        swa_epochs=3,
        eager=False,
    )


class Killed(Exception):
    """Ends a training."""


@pytest.mark.slow
@pytest.mark.parametrize("stopped_after", [1, 3, EPOCHS])
def test_a_restored_training_ends_with_the_same_bits(stopped_after, tmp_path):
    losses, before, after = [], [], []
    model, whole = training(tmp_path / "store")
    whole.fit(lambda epoch, metrics: losses.append(metrics["loss"]))
    expected = model.get_weights()

    checkpoints = Checkpoints(tmp_path)
    _, first = training(tmp_path / "store")

    def after_epoch(epoch, metrics):
        before.append(metrics["loss"])
        checkpoints.save(first.done, first.state(), {"loss": before})
        if first.done == stopped_after:
            raise Killed

    with pytest.raises(Killed):
        first.fit(after_epoch)

    training(tmp_path / "store", seed=4)
    model, second = training(tmp_path / "store")
    found = checkpoints.newest()
    assert found is not None
    assert found.history["loss"] == before
    second.restore(found.state)
    assert second.done == stopped_after
    second.fit(lambda epoch, metrics: after.append(metrics["loss"]))
    assert before + after == losses
    for value, other in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(value, other)


def test_the_last_two_checkpoints_are_kept_and_a_broken_one_is_skipped(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.newest() is None
    for epoch in range(1, 5):
        checkpoints.save(epoch, {"weights": np.full(100, epoch)}, {"loss": [0.5] * epoch})
    third, fourth = sorted(tmp_path.iterdir())
    assert checkpoints.newest().state["weights"][0] == 4
    whole = fourth.read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:-300] + b"x" + whole[-299:], b""):
        fourth.write_bytes(broken)
        assert checkpoints.newest().state["weights"][0] == 3
    flipped = bytearray(whole)
    flipped[whole.index(np.full(100, 4).tobytes()) + 80] ^= 1
    fourth.write_bytes(bytes(flipped))
    assert checkpoints.newest().state["weights"][0] == 3
    third.write_bytes(b"")
    assert checkpoints.newest() is None


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    _, loop = training(tmp_path / "store")
    state = loop.state()
    state["model.0"] = np.zeros((1, 2, 3), np.float32)
    with pytest.raises(ValueError, match="train anew"):
        loop.restore(state)


@pytest.mark.release
def test_a_killed_training_resumes_in_its_own_run(workplace, client, tmp_path):
    arguments = [*workplace, *TINY, "training.epochs=12", "optimizer.ema_momentum=0.9"]
    assert gislr(*arguments, "tracking.experiment=whole").returncode == 0
    whole = only_run(client, "whole").info.run_id
    killed = start_gislr(*arguments, "tracking.experiment=resumed")
    wait_for_epoch(killed)
    killed.kill()
    killed.communicate()
    run_id = only_run(client, "resumed").info.run_id

    refused = gislr(*workplace, "tracking.experiment=resumed", "resume=last", "model.units=8")
    assert refused.returncode == 2
    assert "leave out" in refused.stderr
    done = gislr(*workplace, "tracking.experiment=resumed", "resume=last")
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch" in done.stdout
    run = only_run(client, "resumed")
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert "gislr.reason" not in run.data.tags
    resumed, expected = history(client, run_id), history(client, whole)
    assert resumed.keys() == expected.keys()
    for key, values in expected.items():
        if key[0] != "clips_per_second":
            assert resumed[key] == values, key
        assert len(resumed[key]) == 1
    assert weights(client, run_id, tmp_path / "1") == weights(client, whole, tmp_path / "2")
    again = gislr(*workplace, f"resume={run_id}")
    assert again.returncode == 2
    assert "has ended" in again.stderr


def test_a_run_that_ends_while_vanished_ones_are_marked_stays_as_it_ended(monkeypatch):
    found = SimpleNamespace(
        info=SimpleNamespace(run_id="run"), data=SimpleNamespace(tags={PROCESS: "here 1 2"})
    )
    ended = SimpleNamespace(info=SimpleNamespace(status=FINISHED))
    monkeypatch.setattr("gislr.tracking.run.is_gone", lambda tag: True)
    # It has neither set_tag nor set_terminated.
    client = SimpleNamespace(search_runs=lambda *_: [found], get_run=lambda run_id: ended)
    mark_vanished(client, "0")
