"""Sweeps: what they make better, and how they are tracked."""
