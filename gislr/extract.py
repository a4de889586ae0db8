"""`gislr extract`: find landmarks in videos."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("extract")
