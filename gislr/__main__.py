"""`python -m gislr` is the console script `gislr`."""

from gislr.cli.main import main

if __name__ == "__main__":
    main()
