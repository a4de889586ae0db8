"""`gislr prepare`: read, check and store data without training."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("prepare")
