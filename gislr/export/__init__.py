"""Writes trained models as files that need neither gislr nor TensorFlow."""

from typing import Literal, get_args

Precision = Literal["float32", "float16", "int8"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""Of exported weights, the most exact first. Files compute in float32, with int8 matrix products in
int8."""
