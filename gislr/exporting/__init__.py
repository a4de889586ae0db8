"""Writes trained models as files that need neither gislr nor TensorFlow."""
