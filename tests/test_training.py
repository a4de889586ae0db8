"""Optimizers, schedules, the loss, and parity with the reference by command."""

import math
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from gislr.data.store import open_store
from gislr.training import compiling, loop
from gislr.training.adamw import clip
from gislr.training.distillation import DistillationSettings, targets
from gislr.training.losses import ArcFaceSettings, LossSettings, build_loss
from gislr.training.optimizers import OptimizerSettings, build_optimizer
from gislr.training.schedules import ScheduleSettings, factor
from gislr.utils.errors import SettingError
from gislr.workflows import parity
from tests.conftest import PARITY, make_store
from tests.test_models import small


def stepped(name, rate, decay, gradient, weight=1.0, steps=1):
    optimizer = build_optimizer(OptimizerSettings(name, rate, decay, None, None))
    variable = keras.Variable(np.full(3, weight, np.float32))
    optimizer.build([variable])
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(np.full(3, gradient, np.float32))], [variable])
    return float(np.asarray(variable.value)[0])


def test_adamw_scales_the_decay_by_the_rate_and_the_addons_one_does_not():
    assert stepped("adamw", 1e-3, 0.01, 0.0) == pytest.approx(1 - 1e-5, abs=6e-8)
    assert stepped("adamw_unscaled_decay", 1e-3, 1e-5, 0.0) == pytest.approx(1 - 1e-5, abs=6e-8)
    assert stepped("adamw_unscaled_decay", 1e-1, 1e-2, 0.0) == pytest.approx(0.99, abs=1e-6)


def test_the_addons_decay_equals_keras_at_a_constant_rate():
    keras_weight = stepped("adamw", 1e-3, 0.01, 0.5, steps=10)
    addons_weight = stepped("adamw_unscaled_decay", 1e-3, 1e-5, 0.5, steps=10)
    assert keras_weight == pytest.approx(addons_weight, abs=2e-7)


def test_gradients_are_clipped_weight_by_weight_or_head_by_head():
    gradient = np.array([[3.0, 0.3], [4.0, 0.4]], np.float32)
    whole = np.asarray(clip(keras.ops.convert_to_tensor(gradient), 1.0, None))
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-6)
    by_column = np.asarray(clip(keras.ops.convert_to_tensor(gradient), 1.0, (0,)))
    np.testing.assert_allclose(by_column, [[0.6, 0.3], [0.8, 0.4]], atol=1e-6)


def test_the_schedules():
    cosine = ScheduleSettings("cosine", 0)
    for epoch in (0, 1, 50, 99):
        notebook = 5e-4 * (1 + math.cos(math.pi * epoch / 100))
        assert 1e-3 * factor(cosine, epoch, 100) == pytest.approx(notebook)
    assert factor(ScheduleSettings("constant", 0), 77, 100) == 1
    warmup = [factor(ScheduleSettings("cosine", 3), epoch, 10) for epoch in range(10)]
    assert warmup[:4] == [0.25, 0.5, 0.75, 1.0]
    assert warmup[3:] == sorted(warmup[3:], reverse=True)


def test_the_losss_floor_is_the_published_one():
    loss = build_loss(LossSettings(0.25), 250)
    target = np.full(250, 0.25 / 250)
    target[7] += 0.75
    logits = np.log(target).astype(np.float32)[None]
    assert float(np.asarray(loss(np.array([7]), logits))[0]) == pytest.approx(1.9351, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: OptimizerSettings("adam", 1e-3, 0, None, None),
            "adamw, adamw_rectified, adamw_unscaled_decay; got",
        ),
        (lambda: OptimizerSettings("adamw", 0.0, 0, None, None), "learning_rate must be above 0"),
        (
            lambda: OptimizerSettings("adamw", 1e-3, -1, None, None),
            "weight_decay must be at least 0",
        ),
        (lambda: OptimizerSettings("adamw", 1e-3, 0, 0.0, None), "clipnorm must be above 0"),
        (lambda: OptimizerSettings("adamw", 1e-3, 0, None, 1.0), "ema must be above 0 and below"),
        (lambda: ScheduleSettings("cosin", 0), "Did you mean 'cosine'"),
        (lambda: ScheduleSettings("cosine", -1), "warmup_epochs must be at least 0"),
        (lambda: LossSettings(1.0), "label_smoothing must be at least 0 and below 1"),
    ],
)
def test_what_cannot_be_used_is_told(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("name", ["preprocess.npz", "transformer.npz"])
def test_the_reference_is_matched(name):
    cases = list(parity.check(parity.read_cases(PARITY / name), PARITY / name))
    assert len(cases) >= 13
    assert [case.name for case in cases if not case.passed] == []


def test_parity_fails_where_it_should(tmp_path):
    arrays = dict(parity.read_cases(PARITY / "preprocess.npz"))
    arrays["left_10.frames"] = arrays["left_10.frames"] + 2e-5
    np.savez(tmp_path / "wrong.npz", **arrays)
    done = subprocess.run(
        [sys.executable, "-m", "gislr.parity", str(tmp_path / "wrong.npz")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "1 of 15 differ" in done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("DIFFERS")] == [
        "DIFFERS  2.00e-05  (at most 1e-05)  preprocessing left_10"
    ]
    (tmp_path / "no.npz").write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "gislr.parity", str(tmp_path / "no.npz")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_no_graph_is_traced_again_when_the_number_of_rows_changes(tmp_path, monkeypatch):
    from gislr.batches import TrainingBatches, layout_for
    from gislr.models import layers
    from gislr.training import compiling
    from tests.conftest import make_store
    from tests.test_models import build, small

    traced = []
    plain = layers.ClipMean.call

    def counted(self, frames, segment_ids):
        traced.append(1)
        return plain(self, frames, segment_ids)

    monkeypatch.setattr(layers.ClipMean, "call", counted)
    rng = np.random.default_rng(0)
    store = make_store(tmp_path / "store", rng.integers(1, 65, 60).tolist())
    layout = layout_for(64, packed=True)
    model = build(small(), layout)
    compiling.compile_model(
        model, OptimizerSettings("adamw", 1e-3, 0.05, 1.0, None), LossSettings(0.25)
    )
    batches = TrainingBatches(
        store, np.arange(60), layout, samples_per_class=4, frame_masking=0.25, seed=0
    )
    counts, rows = [], set()
    for epoch in loop.TrainingLoop(
        model,
        batches,
        epochs=4,
        learning_rate=1e-3,
        schedule=ScheduleSettings("constant", 0),
    ).epochs():
        counts.append(len(traced))
        rows |= {
            len(batches.batch(epoch.number, step).segment_ids)
            for step in range(batches.steps_per_epoch)
        }
    assert len(rows) > 1
    assert counts[0] == counts[-1]


def test_the_moving_average_is_kept_and_changes_no_step(tmp_path):
    """Losses are those of a training without it; what is kept is the average of its weights."""
    from gislr.batches import TrainingBatches, layout_for
    from gislr.training import compiling
    from tests.conftest import make_store
    from tests.test_models import build, small

    store = make_store(tmp_path / "store", [5, 9, 3, 7, 4, 8])
    layout = layout_for(64, packed=True)
    momentum, losses, weights = 0.7, {}, {}
    for ema in (None, momentum):
        model = build(small(mlp_dropout=0.0, classifier_dropout=0.0), layout)
        settings = OptimizerSettings("adamw", 1e-2, 0.05, 1.0, ema)
        compiling.compile_model(model, settings, LossSettings(0.25))
        batches = TrainingBatches(
            store, np.arange(6), layout, samples_per_class=2, frame_masking=0.0, seed=0
        )
        assert batches.steps_per_epoch == 1
        losses[ema], weights[ema] = [], []
        for epoch in loop.TrainingLoop(
            model, batches, epochs=4, learning_rate=1e-2, schedule=ScheduleSettings("constant", 0)
        ).epochs():
            losses[ema].append(epoch.metrics["loss"])
            weights[ema].append([np.array(variable) for variable in model.trainable_variables])
    np.testing.assert_allclose(losses[momentum], losses[None], rtol=1e-6)
    average = weights[None][0]
    for later in weights[None][1:]:
        average = [
            momentum * old + (1 - momentum) * new for old, new in zip(average, later, strict=True)
        ]
    for found, kept, expected in zip(
        model.trainable_variables, weights[momentum][-1], average, strict=True
    ):
        np.testing.assert_allclose(kept, expected, atol=1e-5)
        np.testing.assert_array_equal(np.array(found), kept)


def test_the_first_steps_are_short_when_rectified():
    """Against RAdam's formula by hand."""
    most, expected = 2 / (1 - 0.999) - 1, 0.0
    for step in range(1, 21):
        length = most - 2 * step * 0.999**step / (1 - 0.999**step)
        if length > 5:
            upper = (length - 4) * (length - 2) * most
            expected -= 1e-3 * math.sqrt(upper / ((most - 4) * (most - 2) * length))
        assert stepped("adamw_rectified", 1e-3, 0.0, 0.5, weight=0.0, steps=step) == (
            pytest.approx(expected, rel=0.01)
        )
    assert expected < 0


def trained_epochs(tmp_path, settings, epochs=4, **options):
    """Yields a tiny model after each epoch of a training."""
    from gislr.batches import TrainingBatches
    from gislr.models import layout_of
    from gislr.training import compiling
    from tests.conftest import make_store
    from tests.test_models import build

    folder = tmp_path / "store"
    store = make_store(folder, [5, 9, 3, 7, 4, 8]) if not folder.exists() else open_store(folder)
    layout = layout_of(settings, 64)
    model = build(settings, layout)
    compiling.compile_model(
        model, OptimizerSettings("adamw", 1e-2, 0.05, 1.0, None), LossSettings(0.25)
    )
    batches = TrainingBatches(
        store, np.arange(6), layout, samples_per_class=2, frame_masking=0.0, seed=0
    )
    for _ in loop.TrainingLoop(
        model, batches, epochs=epochs, learning_rate=1e-2,
        schedule=ScheduleSettings("constant", 0), **options,
    ).epochs():  # fmt: skip
        yield model


def test_the_last_epochs_are_averaged(tmp_path):
    from tests.test_models import small

    kept = [
        [np.array(weight) for weight in model.get_weights()]
        for model in trained_epochs(tmp_path, small())
    ]
    *_, averaged = trained_epochs(tmp_path, small(), averaged_epochs=3)
    for found, *last in zip(averaged.get_weights(), *kept[1:], strict=True):
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, np.mean(last, axis=0), atol=1e-6)


def test_late_dropout_begins_in_its_epoch(tmp_path):
    from tests.test_models import small

    settings = small("conv_transformer", classifier_dropout_start_epoch=2)
    active = [
        float(np.asarray(model.get_layer("clip_dropout").active))
        for model in trained_epochs(tmp_path, settings)
    ]
    assert active == [0, 0, 1, 1]


def test_late_dropout_drops_only_once_begun():
    from gislr.models.layers import LateDropout

    layer, values = LateDropout(0.5, 1), np.ones((4, 50), np.float32)
    layer.build(values.shape)
    layer.begin_epoch(0)
    assert np.array_equal(np.asarray(layer(values, training=True)), values)
    layer.begin_epoch(1)
    assert (np.asarray(layer(values, training=True)) == 0).any()
    assert np.array_equal(np.asarray(layer(values, training=False)), values)


def test_targets_are_shared_between_the_sign_and_the_teachers():
    taught = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], np.float32)
    found = targets(np.array([0, 2], np.int32), taught, 0.4)
    np.testing.assert_allclose(found, [[0.8, 0.1, 0.1], [0.0, 0.4, 0.6]], atol=1e-6)
    with pytest.raises(SettingError, match="share must be 0 to 1"):
        DistillationSettings([], 1.5)


def test_the_loss_takes_shares_of_signs_as_well_as_labels():
    loss = build_loss(LossSettings(0.25), 4)
    logits = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    labels = np.array([[0, 1, 2], [3, 3, 0]])
    np.testing.assert_allclose(
        loss(labels, logits), loss(np.eye(4, dtype=np.float32)[labels], logits), rtol=1e-6
    )


def one_step(model_settings, reach=0.0, weight=0.0, soft_targets=False, steps=1):
    """Trains a small model on one batch; returns the losses, its weights and the trainer."""
    from gislr.batches import assemble
    from gislr.models import layout_of
    from gislr.training.trainer import LABELS, WEIGHTS, trainer_of
    from tests.test_models import build

    layout = layout_of(model_settings, 64)
    model = build(model_settings, layout)
    trainer = trainer_of(
        model, ArcFaceSettings(weight, 0.5, 30.0), perturbed=reach > 0, soft_targets=soft_targets
    )
    compiling.compile_model(
        trainer,
        OptimizerSettings("adamw", 1e-2, 0.0, None, None),
        LossSettings(0.0),
        soft_targets=soft_targets,
    )
    if reach:
        trainer.perturb(reach)
    with tempfile.TemporaryDirectory() as folder:
        batch = assemble(make_store(Path(folder) / "s", [5, 9, 3, 7, 4, 8]), np.arange(6), layout)
    shown = np.eye(3, dtype=np.float32)[batch.labels] if soft_targets else batch.labels
    also = {LABELS: shown, WEIGHTS: batch.weights()} if weight else {}
    losses = []
    for _ in range(steps):
        trainer.reset_metrics()
        done = trainer.train_on_batch(batch.inputs() | also, shown, batch.weights())
        losses.append(float(np.ravel(done)[0]))
    return losses, [np.array(variable) for variable in model.trainable_variables], trainer


def test_a_perturbed_step_is_the_step_at_the_weights_moved_uphill():
    settings = small(mlp_dropout=0.0, classifier_dropout=0.0, embedding_dropout=0.0)
    plain_loss, plain, _ = one_step(settings)
    same_loss, tiny, _ = one_step(settings, reach=1e-9)
    assert same_loss == pytest.approx(plain_loss, rel=1e-5)
    losses, moved, trainer = one_step(settings, reach=0.3)
    assert losses == pytest.approx(plain_loss, rel=1e-5), "the loss told is that of the weights"
    assert max(np.abs(a - b).max() for a, b in zip(plain, tiny, strict=True)) < 3e-3
    assert max(np.abs(a - b).max() for a, b in zip(plain, moved, strict=True)) > 5e-3
    trainer.perturb(0.0)
    assert trainer.reach == 0


@pytest.mark.parametrize("soft_targets", [False, True])
def test_the_angular_loss_is_added_and_falls(soft_targets):
    settings = small("conv_transformer")
    plain, *_ = one_step(settings)
    losses, _, trainer = one_step(settings, weight=0.5, soft_targets=soft_targets, steps=40)
    assert losses[0] > plain[0] + 1
    assert losses[-1] < losses[0] / 2
    assert trainer.get_layer("arcface").centres.shape[1] == 3


def test_a_model_without_extras_is_trained_itself():
    _, _, trainer = one_step(small())
    assert trainer.name == "transformer"
