"""Describe data on one page: `gislr describe` or `python -m gislr.describe`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("describe")
