"""Finds landmarks in videos: `gislr video` or `python -m gislr.video`."""

from gislr.cli.hydra_app import run

run("video")
