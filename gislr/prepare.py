"""Read, check and store data without training: `gislr prepare` or `python -m gislr.prepare`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("prepare")
