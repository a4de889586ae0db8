"""Recognizes signs in raw landmarks: a logged run's Keras model or an exported file."""

from gislr.data.raw_clips import MOST_FRAMES
from gislr.inference.recognizer import Prediction, Recognizer, check_landmarks, most_likely

__all__ = ["MOST_FRAMES", "Prediction", "Recognizer", "check_landmarks", "most_likely"]
