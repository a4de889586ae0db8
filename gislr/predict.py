"""`gislr predict`: name the signs of clips and videos."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("predict")
