"""Recognises signs in raw landmarks: a logged run's Keras model or an exported file."""

from gislr.recognition.recogniser import (
    MOST_FRAMES,
    Prediction,
    Recogniser,
    check_landmarks,
    likeliest,
)

__all__ = ["MOST_FRAMES", "Prediction", "Recogniser", "check_landmarks", "likeliest"]
