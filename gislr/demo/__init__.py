"""A small local page to try a model with."""
