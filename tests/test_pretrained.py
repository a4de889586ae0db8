"""Training starts from the weights of another: what is kept, what is frozen, how fast it learns."""

import re

import keras
import numpy as np
import pytest

import gislr
from gislr.batches import Layout
from gislr.config.tracking_settings import TrackingSettings
from gislr.data.landmarks import LEFT_HAND
from gislr.data.preprocessing import reference
from gislr.inference.logged_models import trained_model
from gislr.models import MODELS, build_model
from gislr.tracking.run_search import find_run
from gislr.training.optimizers import OPTIMIZERS
from gislr.training.stages import prepare_fine_tuning, stages
from gislr.training.training_settings import PretrainedSettings
from gislr.utils.errors import GislrError, SettingError
from tests.commands import TINY
from tests.conftest import configured, landmarks_of, write_folder
from tests.test_models import small


def tuned(frozen_stages=0, layer_decay=1.0):
    return PretrainedSettings(
        **{"from": None}, frozen_stages=frozen_stages, layer_decay=layer_decay
    )


def built(settings):
    return build_model(
        settings,
        signs=3,
        layout=Layout(64, segments=1, packed=False),
        preprocessing=reference(64),
        precision="float32",
    )


@pytest.mark.parametrize("name", MODELS.names())
def test_every_family_has_stages_from_the_embedding_to_the_classifier(name):
    by_stage = stages(built(small(name)))
    assert [layer.name for layer in by_stage[-1]] == ["classifier"]
    assert len(by_stage) >= 3
    assert all(any(layer.weights for layer in layers) for layers in by_stage)
    numbers = [
        set(re.findall(r"(?:block|stage)_(\d+)_", " ".join(layer.name for layer in layers)))
        for layers in by_stage
    ]
    assert numbers == [set(), *({str(k)} for k in range(len(by_stage) - 2)), set()]


@pytest.mark.parametrize("name", MODELS.names())
def test_frozen_stages_keep_their_weights_and_rates_fall(name):
    model = built(small(name))
    prepare_fine_tuning(model, tuned(frozen_stages=1, layer_decay=0.5))
    first, *others, last = stages(model)
    assert not [variable for layer in first for variable in layer.trainable_variables]
    factors = {variable.rate_factor for layer in last for variable in layer.trainable_variables}
    assert factors == {1.0}
    for distance, layers in enumerate(reversed(others), 1):
        found = {variable.rate_factor for layer in layers for variable in layer.trainable_variables}
        assert found == {0.5**distance}
    with pytest.raises(SettingError, match=r"model\.frozen_stages must be below"):
        prepare_fine_tuning(model, tuned(frozen_stages=len(others) + 2))


@pytest.mark.parametrize("name", ["adamw", "adamw_unscaled_decay"])
def test_a_rate_factor_multiplies_steps_and_decay(name):
    def change(factor, gradient):
        settings = configured(OPTIMIZERS, name, weight_decay=0.1, clipnorm=None)
        optimizer, variable = settings.build(), keras.Variable(np.ones(3, np.float32))
        variable.rate_factor = factor
        optimizer.build([variable])
        optimizer.apply([keras.ops.full((3,), gradient)], [variable])
        return 1 - float(np.asarray(variable)[0])

    for gradient in (0.0, 1.0):
        assert change(0.5, gradient) == pytest.approx(change(1.0, gradient) / 2, rel=1e-3)


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory):
    """Two sets of clips that share one sign, and where runs are kept."""
    root = tmp_path_factory.mktemp("sets")
    for name, signs in (("large", "abcd"), ("own", "cx")):
        clips = [
            (str(signer), sign, landmarks_of(6, 7 * signer + ord(sign), hand="left"))
            for signer in range(3)
            for sign in signs
        ]
        for _, sign, landmarks in clips:
            landmarks[:, LEFT_HAND, 1] += ord(sign) % 5
        write_folder(root / name, clips)
    return root


def train_on(root, name, *overrides):
    return gislr.train(
        "data=asl_signs",
        f"data.root={root / name}",
        f"preparation.cache={root / 'cache'}",
        f"tracking.uri=sqlite:///{root / 'runs.db'}",
        *TINY,
        *overrides,
    ).run_id


def weights_of(root, run_id):
    settings = TrackingSettings(uri=f"sqlite:///{root / 'runs.db'}", experiment="x", run_name=None)
    model = trained_model(find_run(settings, run_id)).model
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.mark.slow
def test_a_training_starts_from_another_with_other_signs(two_sets):
    large = train_on(two_sets, "large")
    own = train_on(
        two_sets,
        "own",
        f"model.from={large}",
        "optimizer.learning_rate=1e-30",
        "optimizer.weight_decay=0",
        "model.frozen_stages=1",
        "training.epochs=1",
    )
    before, after = weights_of(two_sets, large), weights_of(two_sets, own)
    for name, arrays in before.items():
        if name != "classifier":
            for old, new in zip(arrays, after[name], strict=True):
                np.testing.assert_array_equal(old, new)
    # The signs are a, b, c, d and c, x.
    for old, new in zip(before["classifier"], after["classifier"], strict=True):
        assert new.shape[-1] == 2
        np.testing.assert_array_equal(old[..., 2], new[..., 0])
    with pytest.raises(SettingError, match=r"needs the model .* set model\.units=16\."):
        train_on(two_sets, "own", f"model.from={large}", "model.units=32")
    with pytest.raises(GislrError, match="there is no 'models:/none@x'"):
        train_on(two_sets, "own", "model.from=models:/none@x")
