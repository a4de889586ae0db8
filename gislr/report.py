"""`gislr report`: draw the report of a run."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("report")
