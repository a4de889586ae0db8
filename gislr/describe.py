"""`gislr describe`: describe data on one page."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("describe")
