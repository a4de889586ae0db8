"""Send what the tracking store did not take: `gislr sync` or `python -m gislr.sync`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("sync")
