"""`gislr view`: draw clips."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("view")
