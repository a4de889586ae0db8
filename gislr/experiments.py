"""`gislr experiments`: update the table of experiments/README.md."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("experiments")
