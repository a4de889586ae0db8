"""Train one model and track it: `gislr train` or `python -m gislr.train`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("train")
