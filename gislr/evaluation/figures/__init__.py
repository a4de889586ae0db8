"""Matplotlib figures; each function returns one that is ready to be saved."""
