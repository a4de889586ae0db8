"""`gislr evaluate`: evaluate a logged model."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("evaluate")
