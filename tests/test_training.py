"""Optimizers, schedules, the loss, and parity with the reference by command."""

import gc
import math
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from gislr.batches import TrainingBatches, assemble, layout_for
from gislr.config.configuration import default_configuration
from gislr.models import layout_of
from gislr.training.adamw import clip
from gislr.training.awp import AWPModel
from gislr.training.distillation import soft_labels
from gislr.training.loop import TrainingDiverged, TrainingLoop, _Epochs
from gislr.training.losses import LOSSES
from gislr.training.optimizers import OPTIMIZERS
from gislr.training.prediction import predict
from gislr.training.schedules import SCHEDULES
from gislr.training.trainer import LABELS, WEIGHTS, compile_model, trainer_of
from gislr.training.training_settings import AWPSettings
from gislr.utils.errors import SettingError
from gislr.workflows import parity
from tests.commands import gislr_here
from tests.conftest import PARITY, configured, make_store
from tests.test_models import build, small
from tests.tiny_training import (
    LENGTHS,
    NO_ARCFACE,
    NO_AWP,
    tiny,
    tiny_training,
    weights_after_epochs,
)


def stepped(*arguments, **options):
    """Returns a weight after steps along one gradient."""
    return weight_by_step(*arguments, **options)[-1]


def weight_by_step(name, rate, decay, gradient, weight=1.0, steps=1):
    optimizer = configured(
        OPTIMIZERS, name, learning_rate=rate, weight_decay=decay, clipnorm=None
    ).build()
    variable = keras.Variable(np.full(3, weight, np.float32))
    optimizer.build([variable])
    weights = []
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(np.full(3, gradient, np.float32))], [variable])
        weights.append(float(np.asarray(variable.value)[0]))
    return weights


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
    cosine = configured(SCHEDULES, "cosine")
    for epoch in (0, 1, 50, 99):
        notebook = 5e-4 * (1 + math.cos(math.pi * epoch / 100))
        assert 1e-3 * cosine.factor(epoch, 100) == pytest.approx(notebook)
    assert configured(SCHEDULES, "constant").factor(77, 100) == 1
    constant = configured(SCHEDULES, "constant", warmup_epochs=1)
    assert [constant.factor(epoch, 3) for epoch in range(3)] == [0.5, 1, 1]
    schedule = configured(SCHEDULES, "cosine", warmup_epochs=3)
    warmup = [schedule.factor(epoch, 10) for epoch in range(10)]
    assert warmup[:4] == [0.25, 0.5, 0.75, 1.0]
    assert warmup[3:] == sorted(warmup[3:], reverse=True)


def test_the_lowest_loss_is_the_published_one():
    loss = configured(LOSSES, "crossentropy").build(250)
    target = np.full(250, 0.25 / 250)
    target[7] += 0.75
    logits = np.log(target).astype(np.float32)[None]
    assert float(np.asarray(loss(np.array([7]), logits))[0]) == pytest.approx(1.9351, abs=1e-4)


@pytest.mark.parametrize(
    ("registry", "name", "changes", "message"),
    [
        (
            OPTIMIZERS,
            "adamw",
            {"name": "adam"},
            "adamw, adamw_rectified, adamw_unscaled_decay; got",
        ),
        (OPTIMIZERS, "adamw", {"learning_rate": 0.0}, "optimizer.learning_rate must be above 0"),
        (OPTIMIZERS, "adamw", {"weight_decay": -1.0}, "optimizer.weight_decay must be at least 0"),
        (OPTIMIZERS, "adamw", {"clipnorm": 0.0}, "optimizer.clipnorm must be above 0"),
        (OPTIMIZERS, "adamw", {"ema_momentum": 1.0}, "optimizer.ema_momentum must be below 1"),
        (SCHEDULES, "cosine", {"name": "cosin"}, "Did you mean 'cosine'"),
        (SCHEDULES, "cosine", {"warmup_epochs": -1}, "warmup_epochs must be at least 0"),
        (LOSSES, "crossentropy", {"label_smoothing": 1.0}, "loss.label_smoothing must be below 1"),
    ],
)
def test_values_out_of_range_are_refused(registry, name, changes, message):
    with pytest.raises(SettingError, match=message):
        configured(registry, name, **changes)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.swa_epochs=9",
            "training.swa_epochs must be 0 to 3, the number of epochs; got 9",
        ),
        ("training.devices=2", "training.devices must be one of 1, all; got '2'"),
        ("distillation.alpha=1.5", "distillation.alpha must be at most 1; got 1.5"),
        ("distillation.temperature=0", "distillation.temperature must be above 0"),
        ("awp.formula=relativ", "Did you mean 'relative'"),
        ("arcface.margin=-1", "arcface.margin must be at least 0"),
    ],
)
def test_sections_of_a_training_are_checked(override, message):
    with pytest.raises(SettingError, match=message):
        default_configuration("training.epochs=3", override)


def test_awp_needs_one_device():
    with pytest.raises(SettingError, match=r"awp\.epsilon works on one device only"):
        default_configuration("awp.epsilon=0.2", "training.devices=all")


FOCAL = """
from keras import ops
from gislr.training.losses import LOSSES, Loss


@LOSSES.register("focal")
class Focal(Loss):
    gamma: float

    def per_clip(self, soft_labels, logits):
        p = ops.softmax(logits)
        return -ops.sum(soft_labels * (1 - p) ** self.gamma * ops.log(p), axis=-1)
"""


def test_a_loss_of_another_package_is_found(tmp_path, monkeypatch):
    (tmp_path / "focal_package.py").write_text(FOCAL)
    described = tmp_path / "focal_package-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: focal_package\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[gislr.loss]\nfocal = focal_package:Focal\n")
    monkeypatch.syspath_prepend(tmp_path)
    focal = LOSSES.read({"name": "focal", "label_smoothing": 0.0, "gamma": 2.0})
    logits = np.log(np.array([[0.7, 0.2, 0.1]], np.float32))
    found = focal.build(3)(np.array([0]), logits)
    assert float(np.asarray(found)[0]) == pytest.approx(-(0.3**2) * math.log(0.7), rel=1e-5)


@pytest.mark.parametrize(
    "name", ["preprocess.npz", pytest.param("transformer.npz", marks=pytest.mark.slow)]
)
def test_the_reference_is_matched(name):
    cases = list(parity.check(parity.read_cases(PARITY / name), PARITY / name))
    assert len(cases) >= 13
    assert [case.name for case in cases if not case.passed] == []


def test_parity_fails_where_it_should(tmp_path):
    arrays = dict(parity.read_cases(PARITY / "preprocess.npz"))
    arrays["left_10.frames"] = arrays["left_10.frames"] + 2e-5
    np.savez(tmp_path / "wrong.npz", **arrays)
    done = gislr_here(tmp_path / "wrong.npz", module="parity")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "1 of 15 differ" in done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("DIFFERS")] == [
        "DIFFERS  2.00e-05  (at most 1e-05)  preprocessing left_10"
    ]
    (tmp_path / "no.npz").write_bytes(b"nothing")
    done = gislr_here(tmp_path / "no.npz", module="parity")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_no_graph_is_traced_when_the_number_of_rows_changes(tmp_path, monkeypatch):
    from gislr.models import layers

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
    compile_model(model, configured(OPTIMIZERS, "adamw"), configured(LOSSES, "crossentropy"))
    batches = TrainingBatches(
        store, np.arange(60), layout, samples_per_class=4, frame_masking=0.25, seed=0
    )
    counts, rows = [], set()

    def after_epoch(epoch, metrics):
        counts.append(len(traced))
        rows.update(
            len(batches.batch(epoch, step).segment_ids) for step in range(batches.steps_per_epoch)
        )

    TrainingLoop(model, batches, epochs=4, learning_rate=lambda epoch: 1e-3).fit(after_epoch)
    assert len(rows) > 1
    assert counts[0] == counts[-1]


@pytest.mark.slow
def test_every_step_of_every_epoch_is_trained_on_its_own_batch(tmp_path):
    _, loop = tiny_training(tmp_path / "store", tiny(), epochs=3)
    asked = []
    batch_of_keras = loop._batch
    loop._batch = lambda epoch, step: asked.append((epoch, step)) or batch_of_keras(epoch, step)
    loop.fit(lambda epoch, metrics: None)
    assert sorted(set(asked)) == [(epoch, 0) for epoch in range(3)]


@pytest.mark.slow
def test_a_training_lets_go_of_its_data(tmp_path):
    model, loop = tiny_training(tmp_path / "store", tiny(), epochs=2)
    loop.fit(lambda epoch, metrics: None)
    predict(model, loop.batches.store, np.arange(3), loop.batches.layout)
    store = weakref.ref(loop.batches.store)
    del model, loop
    gc.collect()
    assert store() is None


@pytest.mark.slow
def test_the_moving_average_is_kept_and_changes_no_step(tmp_path):
    """Losses are those of a training without it; what is kept is the average of its weights."""
    momentum, losses, weights = 0.7, {}, {}
    for ema in (None, momentum):
        settings = tiny(mlp_dropout=0.0, classifier_dropout=0.0)
        model, loop = tiny_training(tmp_path / "store", settings, ema_momentum=ema)
        assert loop.batches.steps_per_epoch == 1
        losses[ema], weights[ema] = [], []

        def after_epoch(epoch, metrics, model=model, ema=ema):
            losses[ema].append(metrics["loss"])
            weights[ema].append([np.array(variable) for variable in model.trainable_variables])

        loop.fit(after_epoch)
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
    weights = weight_by_step("adamw_rectified", 1e-3, 0.0, 0.5, weight=0.0, steps=20)
    for step, weight in enumerate(weights, start=1):
        length = most - 2 * step * 0.999**step / (1 - 0.999**step)
        if length > 5:
            upper = (length - 4) * (length - 2) * most
            expected -= 1e-3 * math.sqrt(upper / ((most - 4) * (most - 2) * length))
        assert weight == pytest.approx(expected, rel=0.01)
    assert expected < 0


@pytest.mark.slow
@pytest.mark.parametrize("ema_momentum", [None, 0.7])
def test_the_weights_of_the_last_epochs_are_averaged(tmp_path, ema_momentum):
    folder, options = tmp_path / "store", {"ema_momentum": ema_momentum}
    each = weights_after_epochs(*tiny_training(folder, tiny(), **options))
    model, loop = tiny_training(folder, tiny(), swa_epochs=3, **options)
    *_, averaged = weights_after_epochs(model, loop)
    for found, kept, *last in zip(averaged, model.get_weights(), *each[1:], strict=True):
        np.testing.assert_array_equal(found, kept)
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, np.mean(last, axis=0), atol=1e-6)


@pytest.mark.slow
def test_late_dropout_starts_in_its_epoch(tmp_path):
    settings = tiny("conv_transformer", classifier_dropout_start_epoch=2)
    model, loop = tiny_training(tmp_path / "store", settings)
    active = []
    dropout = model.get_layer("clip_dropout")
    loop.fit(lambda epoch, metrics: active.append(float(np.asarray(dropout.active))))
    assert active == [0, 0, 1, 1]


def test_late_dropout_drops_only_once_it_has_started():
    from gislr.models.layers import LateDropout

    layer, values = LateDropout(0.5, 1), np.ones((4, 50), np.float32)
    layer.build(values.shape)
    layer.begin_epoch(0)
    assert np.array_equal(np.asarray(layer(values, training=True)), values)
    layer.begin_epoch(1)
    assert (np.asarray(layer(values, training=True)) == 0).any()
    assert np.array_equal(np.asarray(layer(values, training=False)), values)


def test_soft_labels_by_hand():
    teachers = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], np.float32)
    labels = np.array([0, 2], np.int32)
    found = soft_labels(labels, teachers, alpha=0.4)
    np.testing.assert_allclose(found, [[0.8, 0.1, 0.1], [0.0, 0.4, 0.6]], atol=1e-6)
    np.testing.assert_array_equal(soft_labels(labels, teachers, alpha=0.4, temperature=1.0), found)
    # Square roots of 0.64, 0.32 and 0.04 are 0.8, 0.5657 and 0.2: divided by their sum, 1.5657.
    teachers = np.array([[0.64, 0.32, 0.04]], np.float32)
    softened = soft_labels(np.array([1], np.int32), teachers, alpha=0.5, temperature=2.0)
    np.testing.assert_allclose(softened, [[0.25548, 0.68065, 0.06387]], atol=1e-4)
    assert softened.sum() == pytest.approx(1)


def test_the_loss_of_a_distillation_by_hand():
    """alpha * cross-entropy with the softened teacher + (1 - alpha) * that with the label."""
    teacher = np.array([[0.64, 0.32, 0.04]], np.float32)
    soft = soft_labels(np.array([1], np.int32), teacher, alpha=0.4, temperature=2.0)
    student = np.log(np.array([[0.5, 0.25, 0.25]], np.float32))
    loss = configured(LOSSES, "crossentropy", label_smoothing=0.0).build(3)
    # The softened teacher is (0.8, 0.56569, 0.2) / 1.56569 = (0.51096, 0.36130, 0.12774). With
    # ln 2 for the first sign and ln 4 for the others: 0.51096 * 0.69315 + 0.48904 * 1.38629.
    by_hand = 0.4 * 1.03212 + 0.6 * 1.38629
    assert float(np.asarray(loss(soft, student))[0]) == pytest.approx(by_hand, abs=1e-4)


def test_the_loss_takes_labels_and_soft_labels():
    loss = configured(LOSSES, "crossentropy").build(4)
    logits = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    labels = np.array([[0, 1, 2], [3, 3, 0]])
    np.testing.assert_allclose(
        loss(labels, logits), loss(np.eye(4, dtype=np.float32)[labels], logits), rtol=1e-6
    )


def one_step(model_settings, arcface=NO_ARCFACE, awp=NO_AWP, soft_labels=False, steps=1):
    """Trains a small model on one batch; returns the losses, its weights and the trainer."""
    layout = layout_of(model_settings, 64)
    model = build(model_settings, layout)
    trainer = trainer_of(model, arcface=arcface, awp=awp, soft_labels=soft_labels)
    compile_model(
        trainer,
        configured(OPTIMIZERS, "adamw", learning_rate=1e-2, weight_decay=0.0, clipnorm=None),
        configured(LOSSES, "crossentropy", label_smoothing=0.0),
        soft_labels=soft_labels,
    )
    trainer.run_eagerly = steps == 1
    if awp.epsilon:
        trainer.begin_epoch(0)
    with tempfile.TemporaryDirectory() as folder:
        batch = assemble(make_store(Path(folder) / "s", LENGTHS), np.arange(6), layout)
    labels = np.eye(3, dtype=np.float32)[batch.labels] if soft_labels else batch.labels
    of_loss = {LABELS: labels, WEIGHTS: batch.weights()} if arcface.weight else {}
    losses = []
    for _ in range(steps):
        trainer.reset_metrics()
        done = trainer.train_on_batch(batch.inputs() | of_loss, labels, batch.weights())
        losses.append(float(np.ravel(done)[0]))
    return losses, [np.array(variable) for variable in model.trainable_variables], trainer


@pytest.mark.slow
@pytest.mark.parametrize("soft_labels", [False, True])
def test_the_angular_loss_is_added_and_falls(soft_labels):
    settings, arcface = small("conv_transformer"), NO_ARCFACE.model_copy(update={"weight": 0.5})
    plain, *_ = one_step(settings)
    losses, _, trainer = one_step(settings, arcface, soft_labels=soft_labels, steps=40)
    assert losses[0] > plain[0] + 1
    assert losses[-1] < losses[0] / 2
    assert trainer.get_layer("arcface").centers.shape[1] == 3


def test_a_model_without_awp_and_arcface_is_its_own_trainer():
    _, _, trainer = one_step(tiny())
    assert trainer.name == "transformer"


@pytest.mark.slow
def test_awp_of_a_tiny_step_is_the_plain_step():
    settings = tiny(mlp_dropout=0.0, classifier_dropout=0.0, embedding_dropout=0.0)
    plain_loss, plain, _ = one_step(settings)
    least_loss, least, _ = one_step(settings, awp=awp_of(1e-9, "absolute"))
    loss, perturbed, trainer = one_step(settings, awp=awp_of(0.2, "absolute"))
    assert least_loss == pytest.approx(plain_loss, rel=1e-5)
    assert loss == pytest.approx(plain_loss, rel=1e-5), "the loss is that before perturbation"
    assert max(np.abs(a - b).max() for a, b in zip(plain, least, strict=True)) < 3e-3
    assert max(np.abs(a - b).max() for a, b in zip(plain, perturbed, strict=True)) > 5e-3
    assert trainer.perturbs


def awp_of(epsilon, formula, start_epoch=0):
    return AWPSettings(epsilon=epsilon, formula=formula, start_epoch=start_epoch)


@pytest.mark.parametrize(
    ("awp", "kernel", "bias"),
    [
        # y = w x + b = 1.5 and the loss y^2 has the gradients 2 y x = (3, 0) and 2 y = 3. Both
        # variables move by 0.2: w to (1.2, 2), b to 0.7. There y is 1.9 and the gradients are
        # (3.8, 0) and 3.8, of which the optimizer subtracts a tenth from (1, 2) and 0.5.
        (awp_of(0.2, "absolute"), [0.62, 2.0], 0.12),
        # |w| is the square root of 5: w moves to (1.0223607, 2), and b does not. There y is
        # 1.5223607 and the gradients are (3.0447214, 0) and 3.0447214.
        (awp_of(0.01, "relative"), [0.69552786, 2.0], 0.19552786),
    ],
)
def test_awp_by_hand(awp, kernel, bias):
    inputs = keras.Input((2,))
    layer = keras.layers.Dense(1)
    model = AWPModel(inputs, layer(inputs))
    layer.set_weights([np.array([[1.0], [2.0]], np.float32), np.array([0.5], np.float32)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", jit_compile=False)
    model.awp = awp
    model.begin_epoch(0)
    x, y = np.array([[1.0, 0.0]], np.float32), np.zeros((1, 1), np.float32)
    assert model.train_on_batch(x, y, np.ones(1, np.float32)) == pytest.approx(2.25)
    found_kernel, found_bias = layer.get_weights()
    np.testing.assert_allclose(found_kernel[:, 0], kernel, rtol=1e-6)
    np.testing.assert_allclose(found_bias, [bias], rtol=1e-6)


@pytest.mark.slow
def test_awp_starts_in_its_epoch(tmp_path):
    awp = awp_of(0.2, "absolute", start_epoch=2)
    _, loop = tiny_training(tmp_path / "store", tiny(), awp=awp)
    found = []
    loop.fit(lambda epoch, metrics: found.append(loop.trainer.perturbs))
    assert found == [False, False, True, True]


def test_a_loss_is_read_some_steps_later_since_reading_waits_for_the_step():
    read = []

    class Loss:
        def __init__(self, step):
            self.step = step

        def __float__(self):
            read.append(self.step)
            return math.nan if self.step == 3 else 1.0

    batches = SimpleNamespace(
        steps_per_epoch=12,
        batch_size=1,
        batch=lambda epoch, step: SimpleNamespace(clips=np.array([step])),
    )
    loop = SimpleNamespace(batches=batches, learning_rate=lambda epoch: 0.5)
    steps = []
    epochs = _Epochs(loop, None, None, lambda step, metrics: steps.append(step))
    for step in range(12):
        epochs.on_train_batch_end(step, {"loss": Loss(step)})
    assert steps == list(range(12))
    assert read[-1] == 3, "the others are read at the end of the epoch"
    with pytest.raises(TrainingDiverged, match="it was nan after step 4 of epoch 1") as error:
        epochs.on_epoch_end(0)
    assert error.value.clips.tolist() == [3]
