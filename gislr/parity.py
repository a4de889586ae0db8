"""`gislr parity`: compare with the reference notebook's results."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("parity")
