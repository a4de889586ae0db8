"""Compare runs on the same signers: `gislr compare` or `python -m gislr.compare`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("compare")
