"""`gislr cross_validate`: train on every fold of signers with several seeds."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("cross_validate")
