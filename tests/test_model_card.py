"""The model card: numbers worked out by hand, hostile names, and whose scores a final run has."""

import re
from dataclasses import replace

import numpy as np
import pytest
from markdown import markdown

from gislr.config.configuration import default_configuration, open_data
from gislr.data.held_out import HeldOut
from gislr.data.label_map import LABEL_MAP, read_label_map, write_label_map
from gislr.data.splits import split_clips
from gislr.evaluation.metrics.clip_predictions import FILE, ClipPredictions
from gislr.evaluation.metrics.folds import cross_validation
from gislr.export.agreement import Agreement
from gislr.export.card_evaluation import CardEvaluation
from gislr.export.exported_folder import CARD, complete_folder
from gislr.export.model_card import model_card
from gislr.inference.litert_recognizer import REJECTION, read_threshold
from gislr.sweeping.fold_tracker import record_cross_validation
from gislr.tracking.model_registry import EVIDENCE
from gislr.tracking.run import tracked_run
from gislr.tracking.run_reader import MEMBERS, PARENT_TAG
from gislr.tracking.run_search import find_run
from gislr.tracking.training_record import (
    EVALUATION,
    FINGERPRINT,
    SWEEP,
    TEMPERATURE,
    THRESHOLD,
    record_inputs,
    starting_tags,
)
from gislr.utils.markdown import code
from tests.conftest import separable_clips, write_folder
from tests.test_hostile_names import SIGN, SIGNER

HALF = ("split.test_size=0.5", "split.seed=0")
NONE = ("split=none",)


class Workplace:
    """Records runs as trainings do, without training."""

    def __init__(self, folder):
        clips = [
            (signer.replace("103", SIGNER), sign.replace("sign0", SIGN), landmarks)
            for signer, sign, landmarks in separable_clips()
        ]
        root = write_folder(folder / "clips", clips)
        self._common = [
            "data=asl_signs",
            f"data.root={root}",
            f"preparation.cache={folder / 'cache'}",
            "preparation.workers=1",
            f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
        ]
        self.tracking = default_configuration(*self._common).tracking

    def run(self, *overrides, **tags):
        """Returns a training's run, of a model whose predictions are `predicted`."""
        configuration = default_configuration(*self._common, *overrides)
        store = open_data(configuration)
        split = split_clips(configuration.split, store.clips, store.all_clips)
        known = starting_tags(configuration, {FINGERPRINT: store.fingerprint}, split)
        with tracked_run(self.tracking, known | tags) as run:
            record_inputs(run, configuration, store, split)
            run.metrics({"parameters": 1234, TEMPERATURE: 1.0, THRESHOLD: 0.5})
            with run.folder() as folder:
                write_label_map(folder / LABEL_MAP, store.signs)
            if split.held_out.groups:
                with run.folder(EVALUATION) as folder:
                    predicted(store, split.validation).save(folder / FILE)
        return find_run(self.tracking, run.run_id)

    def cross_validation(self):
        """Returns the run of two folds and two seeds, of which the second is always right."""
        configuration = default_configuration(*self._common)
        store = open_data(configuration)
        every = np.arange(len(store.clips))
        sides = [np.isin(store.clips.signers, side) for side in (["100", "101"], ["102", SIGNER])]
        results = {
            (fold, seed): predicted(store, every[side], right=bool(seed))
            for fold, side in enumerate(sides)
            for seed in range(2)
        }
        with tracked_run(self.tracking, {SWEEP: "crossed"}) as run:
            record_cross_validation(run, cross_validation(results), store)
        self.run("split=group_kfold", "split.folds=2", **{PARENT_TAG: run.run_id})
        return find_run(self.tracking, run.run_id)


def predicted(store, clips, right=False):
    """Of one half of the signers all clips are right, of the other those of two signs of four."""
    labels = store.clips.labels[clips]
    signers = np.unique(store.clips.signers[clips])
    wrong = (labels > 1) & np.isin(store.clips.signers[clips], signers[::2]) & (not right)
    guesses = np.where(wrong, 5 - labels, labels)  # 2 for 3 and 3 for 2
    probabilities = np.where(wrong, 0.2, 0.1)[:, None] * np.ones(4)
    probabilities[np.arange(len(clips)), guesses] = np.where(wrong, 0.4, 0.7)
    return ClipPredictions.of(store, clips, probabilities.astype(np.float32))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Workplace(tmp_path_factory.mktemp("card"))


@pytest.fixture(scope="module")
def validated(place):
    return place.run(*HALF)


def test_a_card_has_the_numbers_of_its_run(validated):
    agreement = Agreement("model.tflite", 0.25, 16, 16, 0.0, 0.125, {20: 1.5, 400: 9.0})
    card = model_card(validated, [agreement])
    headings = re.findall("^#+ (.*)", card, re.MULTILINE)
    assert headings == [
        "Recognizer of 4 isolated signs",
        *("Model details", "Intended use", "Data", "Evaluation", "Limitations", "How to use"),
    ]
    assert "`transformer` of 1,234 parameters" in card
    assert f"`gislr reproduce run={validated.run_id}`" in card
    assert f"`asl_signs`, `clips`, fingerprint `{validated.tags[FINGERPRINT][:12]}`" in card
    assert "**Trained on:** 16 clips of 2 signers" in card
    assert "**Evaluated on 16 clips of 2 signers who were held out from the training**" in card
    # 12 of 16 right; draws of two signers have 4 / 8, 12 / 16 or 8 / 8.
    assert "| accuracy | 0.750 | 0.500 to 1.000 |" in card
    # Two signs have 1, and two have 2 * 2 / (4 + 4): each half of the mistakes of the other.
    assert "| macro F1 | 0.750 |" in card
    assert "top-5" not in card
    assert "is right in 25.0%" in card
    assert "2 signers are too few" in card
    assert "accuracy 0.50 to 1.00, median 0.75" in card
    assert "**Worst signs**, F1 (clips): `sign2` 0.50 (4), `sign3` 0.50 (4)" in card
    # 12 clips at 0.7 are right, 4 at 0.4 are wrong: (12 * 0.3 + 4 * 0.4) / 16.
    assert "calibration error is 0.325 without" in card
    assert "below 0.500" in card
    assert "keeps 100.0% of the right answers here and 0.0% of the wrong ones" in card
    assert "| `model.tflite` | 0.2 | 12.5% | 1.5 |" in card
    assert "imulated" not in card


def test_names_are_no_markup(validated):
    card = model_card(validated)
    assert SIGN in card
    page = markdown(card, extensions=["fenced_code", "tables"])
    assert re.findall("<(?:img|script)", page) == []
    assert code("a`b\n# c\x1b[1m") == "`a'b # c\\x1b[1m`"
    assert code("x" * 99) == f"`{'x' * 59}…`"


@pytest.mark.slow
def test_a_final_run_has_the_scores_of_the_validated_one(place, validated):
    final = place.run(*NONE, "training.epochs=7", **{EVIDENCE: validated.run_id})
    card = model_card(final)
    assert "**Trained on:** 32 clips of 4 signers" in card
    assert f"rests on the scores of the validated run `{validated.run_id}`" in card
    epochs = validated.parameters["training.epochs"]
    assert f"this model trained 7 epochs instead of {epochs}" in card
    assert "| accuracy | 0.750 | 0.500 to 1.000 |" in card
    gone = model_card(place.run(*NONE, **{EVIDENCE: "0" * 32}))
    assert "which the tracking store no longer has" in gone
    alone = model_card(place.run(*NONE))
    assert "No scores on clips held out were kept" in alone
    assert "accuracy" not in alone


@pytest.mark.slow
def test_a_final_run_of_several_seeds_rests_on_a_cross_validation(place):
    crossed = place.cross_validation()
    evidence = {EVIDENCE: crossed.run_id}
    members = [place.run(*NONE, f"seed={seed}", **evidence) for seed in (3, 4)]
    card = model_card(
        place.run(*NONE, **evidence, **{MEMBERS: ",".join(m.run_id for m in members)})
    )
    assert "the average of 2 models, each a `transformer`" in card
    assert "seeds 3, 4" in card
    assert "**Cross-validation on 32 clips of 4 signers, mean of 2 seeds.**" in card
    # 24 of 32 and all.
    assert f"| accuracy | {(0.75 + 1) / 2:.3f} |" in card
    assert "not of their average" in card
    # One seed has no wrong answer of which any could be kept.
    assert "keeps 100.0% of the right answers here and 0.0% of the wrong ones" in card


@pytest.mark.slow
def test_scores_that_chose_the_settings_are_called_optimistic(place, validated):
    assert "optimistic" not in model_card(validated)
    trial = place.run(*HALF)
    with tracked_run(place.tracking, {SWEEP: "swept", "best.run_id": trial.run_id}) as run:
        trial.client.set_tag(trial.run_id, PARENT_TAG, run.run_id)
    trial.client.log_metric(trial.run_id, "test_acc", 0.5)
    trial.client.log_metric(trial.run_id, "test_weighted_f1", 0.25)
    card = model_card(place.run(*NONE, **{EVIDENCE: run.run_id}))
    assert "**On the test split** of the data: accuracy 0.500, weighted F1 0.250" in card
    assert "so the scores are optimistic" in card


def test_signers_who_may_be_known_are_a_limitation(validated):
    [seed] = validated.predictions()
    by_session = CardEvaluation(validated, HeldOut("session", ["monday"]), [seed])
    assert by_session.new_signers is False
    [limitation] = by_session.limitations()
    assert "held out by `session`, not by signer" in limitation
    unknown = replace(seed, signers=np.repeat("", len(seed)))
    [limitation] = CardEvaluation(validated, HeldOut("split", ["val"]), [unknown]).limitations()
    assert "does not say who signs" in limitation
    some = unknown.rows(unknown.labels > 0)
    text = CardEvaluation(validated, HeldOut("split", ["val"]), [some]).markdown(1.0, 0.0)
    assert f"**No clips here** of `{SIGN}`" in text
    assert "12 clips of unknown signers, which the data lists as `val`" in text
    assert "they are optimistic" in text
    assert "By signer" not in text
    assert "Not sure" not in text


class Fixed:
    signs, rejection_threshold = ["a", "b"], 0.25


def test_every_exported_folder_has_threshold_label_map_and_card(validated, tmp_path):
    card = complete_folder(tmp_path, validated, Fixed())
    assert {path.name for path in tmp_path.iterdir()} == {REJECTION, LABEL_MAP, CARD}
    assert read_threshold(tmp_path / REJECTION) == 0.25
    assert read_label_map(tmp_path / LABEL_MAP) == ["a", "b"]
    assert (tmp_path / CARD).read_text(encoding="utf-8") == card
