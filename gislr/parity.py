"""Compare with the reference notebook's results: `gislr parity` or `python -m gislr.parity`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("parity")
