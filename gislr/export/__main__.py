"""`gislr export`: write LiteRT and ONNX files."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("export")
