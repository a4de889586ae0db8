"""`gislr sync`: send what the tracking store did not take."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("sync")
