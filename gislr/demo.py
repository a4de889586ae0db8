"""Serve a page to try a model: `gislr demo` or `python -m gislr.demo`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("demo")
