"""`gislr compare`: compare runs on the same signers."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("compare")
