"""`gislr train`: train one model and track it."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("train")
