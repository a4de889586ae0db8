"""Recognizes signs in raw landmarks: a logged run's Keras model or an exported file."""

from gislr.inference.recognizer import (
    MOST_FRAMES,
    Prediction,
    Recognizer,
    check_landmarks,
    most_likely,
)

__all__ = ["MOST_FRAMES", "Prediction", "Recognizer", "check_landmarks", "most_likely"]
