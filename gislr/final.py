"""`gislr final`: train a validated configuration on all signers."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("final")
