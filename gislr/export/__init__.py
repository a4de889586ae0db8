"""Writes trained models as files that need neither gislr nor TensorFlow."""

PRECISIONS = ("float32", "float16", "int8")
"""Of exported weights; everything is computed in float32, with int8 the matrix products in int8."""
