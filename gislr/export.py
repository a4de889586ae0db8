"""Write LiteRT and ONNX files: `gislr export` or `python -m gislr.export`."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("export")
