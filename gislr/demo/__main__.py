"""`gislr demo`: serve a page to try a model."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("demo")
