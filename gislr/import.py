"""`gislr import`: write the manifest of a published set."""
# ruff: noqa: N999 - a command's module has its name, and this one is only run, never imported.

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("import")
