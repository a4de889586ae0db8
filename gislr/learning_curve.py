"""`gislr learning_curve`: train on a few clips of each sign, then on more."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("learning_curve")
