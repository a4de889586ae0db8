"""Measurements: each prints one line a variant; figures and method are in README.md."""
