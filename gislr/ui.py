"""Open MLflow's pages: `gislr ui` or `python -m gislr.ui`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("ui")
