"""Draw clips: `gislr view` or `python -m gislr.view`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("view")
