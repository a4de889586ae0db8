"""Evaluate a logged model: `gislr evaluate` or `python -m gislr.evaluate`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("evaluate")
