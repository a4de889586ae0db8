"""Train a validated configuration on all signers: `gislr final` or `python -m gislr.final`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("final")
