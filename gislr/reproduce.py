"""`gislr reproduce`: train a run again and compare every metric."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("reproduce")
