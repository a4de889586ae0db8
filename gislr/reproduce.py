"""Train a run again and compare every metric: `gislr reproduce` or `python -m gislr.reproduce`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("reproduce")
