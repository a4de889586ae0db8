"""`gislr ui`: open MLflow's pages."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("ui")
