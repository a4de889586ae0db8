"""`gislr pretrain`: train on masked landmarks, without labels."""

from gislr.cli.hydra_app import run

if __name__ == "__main__":
    run("pretrain")
