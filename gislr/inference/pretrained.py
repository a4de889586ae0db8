"""Starts a training from the weights of another one, with other signs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gislr.config.configuration import Configuration
from gislr.data.splits import Split
from gislr.data.store import Store
from gislr.inference.logged_models import require_unseen, trained_model
from gislr.tracking.run_search import find_run
from gislr.tracking.training_record import ALSO_FINGERPRINT, FINGERPRINT, PRETRAINED
from gislr.training.stages import CLASSIFIER
from gislr.utils.errors import SettingError
from gislr.utils.log import log

# What acts in training only changes no weight, nor does the name of the preprocessing.
_MAY_DIFFER = {
    "name",
    *("embedding_dropout", "mlp_dropout", "classifier_dropout", "block_dropout"),
    *("classifier_dropout_start_epoch", "frame_masking", "mask_at_inference"),
}


def load_pretrained(model: Any, configuration: Configuration, store: Store, split: Split) -> None:
    """Loads the weights of `model.from` into a model, the statistics of its landmarks among them.

    The classifier keeps what it knows of signs of the same name; others start anew, and all of them
    where the run was pretrained without labels.

    Args:
        model: The model that is going to be trained.
        configuration: Of its training.
        store: Its data.
        split: Its split.

    Raises:
        GislrError: There is no such run, its model is another one, or it was trained on clips that
            the split holds out.
    """
    name = configuration.pretrained.from_
    if name is None:
        return
    named = find_run(configuration.tracking, name, may_be_pretraining=True)
    [run, *_] = named.training().members()
    if store.fingerprint in (run.tags.get(FINGERPRINT), run.tags.get(ALSO_FINGERPRINT)):
        require_unseen("model.from", run, store, split)
    before, own = run.configuration(), configuration
    if before.model.name != own.model.name:
        raise SettingError(
            f"model.from={name} needs the model of that run; set model={before.model.name}."
        )
    signs = store.signs
    other = [
        f"{section}.{key}={value}"
        for section in ("model", "preprocessing")
        for key, value in getattr(before, section).model_dump().items()
        if value != getattr(getattr(own, section), key, None) and key not in _MAY_DIFFER
    ]
    if other:
        raise SettingError(
            f"model.from={name} needs the model and the landmarks of that run; "
            f"set {' '.join(other)}."
        )
    source = trained_model(run)
    for layer in model.layers:
        if layer.weights and layer.name != CLASSIFIER:
            layer.set_weights(source.model.get_layer(layer.name).get_weights())
    classifier = model.get_layer(CLASSIFIER)
    # What was pretrained without labels has a classifier that nothing taught.
    learned = [] if PRETRAINED in run.tags else source.signs
    known = {sign: label for label, sign in enumerate(learned)}
    shared = [label for label, sign in enumerate(signs) if sign in known]
    old_labels = [known[signs[label]] for label in shared]
    weights: list[NDArray[np.float32]] = classifier.get_weights()
    for new, old in zip(weights, source.model.get_layer(CLASSIFIER).get_weights(), strict=True):
        new[..., shared] = old[..., old_labels]
    classifier.set_weights(weights)
    log.info(
        f"starts from the weights of run {run.run_id} ({run.name}); it knows "
        f"{len(shared) or 'none'} of the {len(signs)} signs"
    )
