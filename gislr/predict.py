"""Name the signs of clips and videos: `gislr predict` or `python -m gislr.predict`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("predict")
