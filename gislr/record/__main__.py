"""`gislr record`: serve a page that records signs."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("record")
