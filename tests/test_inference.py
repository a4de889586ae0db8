"""What a recognizer accepts, and which final model becomes the champion."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gislr.config.tracking_settings import TrackingSettings
from gislr.inference import MOST_FRAMES, check_landmarks, most_likely
from gislr.inference.litert_recognizer import LiteRTRecognizer, read_threshold, threshold_file
from gislr.inference.open_model import open_recognizer
from gislr.tracking import model_registry as registry
from gislr.tracking.model_registry import Evidence
from gislr.tracking.run_reader import LoggedRun
from gislr.tracking.tracking_store import connect
from gislr.utils.errors import DataError, GislrError
from tests.conftest import landmarks_of


class Fixed:
    def __init__(self, rejection_threshold=0.0):
        self.signs, self.rejection_threshold = ["bee", "cow", "dog"], rejection_threshold

    def probabilities(self, clips):
        return np.tile(np.array([0.2, 0.7, 0.1], np.float32), (len(clips), 1))


def test_the_most_likely_signs_come_first():
    with_hand, without = most_likely(Fixed(), [landmarks_of(3), landmarks_of(3, hand=None)], 2)
    assert with_hand.signs == ["cow", "bee"]
    assert with_hand.probabilities == pytest.approx([0.7, 0.2])
    assert (with_hand.has_hand, without.has_hand) == (True, False)


def test_a_prediction_below_the_threshold_or_without_a_hand_is_not_sure():
    clips = [landmarks_of(3), landmarks_of(3, hand=None)]
    assert [found.sure for found in most_likely(Fixed(0.7), clips)] == [True, False]
    assert [found.sure for found in most_likely(Fixed(0.71), clips)] == [False, False]


def test_the_threshold_beside_a_file_is_read(tmp_path):
    path = tmp_path / "rejection.json"
    assert read_threshold(path) == 0
    path.write_bytes(threshold_file(0.25))
    assert read_threshold(path) == 0.25
    for content in ("", "[]", "3", '{"rejection_threshold": "x"}', '{"rejection_threshold": 2}'):
        path.write_text(content)
        with pytest.raises(GislrError, match=r"rejection\.json must be .* Export the model once"):
            read_threshold(path)


def test_landmarks_from_json_are_read():
    landmarks = landmarks_of(2, hand="right")
    nested = [[[None if np.isnan(v) else float(v) for v in p] for p in f] for f in landmarks]
    np.testing.assert_array_equal(check_landmarks(nested), landmarks)
    assert check_landmarks(landmarks.astype(np.float64)).dtype == np.float32


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.zeros((3, 543)), r"got \[3, 543\]"),
        (np.zeros((3, 540, 3)), r"got \[3, 540, 3\]"),
        (np.zeros((0, 543, 3)), "1 to 10,000 frames; got 0"),
        (np.broadcast_to(np.zeros(3), (MOST_FRAMES + 1, 543, 3)), "got 10,001"),
        (np.broadcast_to(np.zeros(3), (1_000_000, 543, 3)), "got 1,000,000"),
        (np.zeros((3, 543, 3), np.int16), "got int16"),
        (np.zeros((3, 543, 3), complex), "got complex128"),
        (np.full((3, 543, 3), np.nan), "every one of this clip is missing"),
        (np.full((3, 543, 3), np.inf), "got infinity"),
        (np.full((3, 543, 3), 1e300), "got infinity"),
        ([[[10**400, None, 0.5]] * 543], "got something else"),
        ([[1.0, 2.0], [3.0]], "got something else"),
        ("clip", "got <U4"),
        (None, "got"),
        ({"inputs": 3}, "got something else"),
    ],
)
def test_landmarks_that_cannot_be_used_are_told_in_a_sentence(landmarks, message):
    with pytest.raises(DataError, match=message) as raised:
        check_landmarks(landmarks)
    assert len(str(raised.value).splitlines()) == 1


def test_files_that_are_no_models_are_told(tmp_path):
    settings = TrackingSettings(
        uri=f"sqlite:///{tmp_path / 'mlflow.db'}", experiment="gislr", run_name=None
    )
    with pytest.raises(GislrError, match="there is no file"):
        open_recognizer(settings, str(tmp_path / "none.tflite"))
    (tmp_path / "model.tflite").write_bytes(b"TFL3" * 9)
    with pytest.raises(DataError, match="A label map was expected"):
        open_recognizer(settings, str(tmp_path / "model.tflite"))
    (tmp_path / "sign_to_prediction_index_map.json").write_text(json.dumps({"bee": 0}))
    with pytest.raises(GislrError, match=r"must read raw landmarks.*model\.tflite does not"):
        LiteRTRecognizer.of_file(tmp_path / "model.tflite")
    with pytest.raises(GislrError, match="there is no 'models:/gislr@champion'"):
        open_recognizer(settings, "models:/gislr@champion")
    with pytest.raises(GislrError, match="there is no 'abc'"):
        open_recognizer(settings, "abc")


def test_a_run_that_held_nobody_out_is_no_evidence():
    run = LoggedRun(None, "abc", "name", "1", {}, {"acc": 1.0, "train_acc": 1.0}, {}, "FINISHED")
    with pytest.raises(GislrError, match="must rest on scores of clips held out"):
        Evidence.of_run(run)


EVIDENCE = Evidence("run", "name", "held out signers 1, 2", "data", {"val_weighted_f1": 0.5})


def test_only_better_evidence_makes_a_champion(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client, experiment = connect(TrackingSettings(uri=uri, experiment="gislr", run_name=None))
    run = client.create_run(experiment).info.run_id
    card = "# Card\n\n## Short\n\nText\n\n## Long\n\n" + "x" * 5000

    def promoted(**changes):
        evidence = replace(EVIDENCE, **changes)
        version = registry.register(client, str(tmp_path), run, evidence, card)
        return registry.promote(client, version)

    def champion():
        return str(client.get_model_version_by_alias("gislr", "champion").version)

    assert promoted() == "version 1 is the champion now: models:/gislr@champion"
    assert registry.promote(client, "1") == "version 1 is the champion already"
    assert client.get_model_version("gislr", "1").description == "# Card\n\n## Short\n\nText\n"
    assert "0.5000, is not above 0.5000" in promoted()
    assert "0.4000, is not above 0.5000" in promoted(scores={"val_weighted_f1": 0.4})
    assert "nan, is not above 0.5000" in promoted(scores={"val_acc": 0.9})
    assert "of different data" in promoted(fingerprint="other", scores={"val_weighted_f1": 0.9})
    assert "different clips held out" in promoted(protocol="cross-validation of 5 folds")
    assert champion() == "1"
    assert "weighted F1 0.6000 after 0.5000" in promoted(scores={"val_weighted_f1": 0.6})
    assert champion() == "7"
    assert registry.registered_version(client, run) is not None
    assert registry.registered_version(client, "other") is None
