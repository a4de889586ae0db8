"""`gislr doctor`: check what is installed, missing or broken."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("doctor")
