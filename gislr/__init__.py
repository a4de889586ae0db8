"""gislr: train, sweep, compare and ship sign-recognition models from MediaPipe landmarks."""

__version__ = "0.1.0"
