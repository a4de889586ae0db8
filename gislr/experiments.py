"""Update the table of experiments/README.md: `gislr experiments` or `python -m gislr.experiments`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("experiments")
