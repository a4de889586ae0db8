"""Recognizes signs in raw landmarks, of clips and of streams, with any model."""

from gislr.data.raw_clips import MOST_FRAMES
from gislr.inference.recognizer import Prediction, Recognizer, check_landmarks, most_likely
from gislr.inference.streaming import SignEvent, StreamRecognizer, StreamSettings

__all__ = [
    "MOST_FRAMES",
    "Prediction",
    "Recognizer",
    "SignEvent",
    "StreamRecognizer",
    "StreamSettings",
    "check_landmarks",
    "most_likely",
]
