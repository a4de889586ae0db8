"""Train on folds of signers with several seeds: `gislr cross_validate` or `python -m gislr.cross_validate`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("cross_validate")
