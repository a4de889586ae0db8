"""Evaluation: metrics (numbers), figures (matplotlib) and reports (files and pages)."""
