"""Every command: its group, what it does, and what its bare words are."""

from __future__ import annotations

from dataclasses import dataclass
from keyword import iskeyword


@dataclass(frozen=True)
class Command:
    """A command, `gislr NAME` or `python -m gislr.NAME`.

    It composes `conf/NAME.yaml` and calls the function `NAME` of `gislr.workflows.NAME`. Both are
    called `NAME_`, as in PEP 8, where the name is a keyword of Python.

    Attributes:
        group: Heading under which `gislr --help` lists it.
        words: Key that arguments without `=` fill, as a list; `None` if they are refused.
        stands_for: The command line that it abbreviates, if any.
        sweeps: Whether it runs for many values of its settings; `SWEEP_CALLBACK` of its module
            makes what tracks them.
        lists: Keys that take `A,B` for `[A,B]`, which Hydra would take for a sweep.
    """

    name: str
    group: str
    summary: str
    words: str | None = None
    stands_for: tuple[str, ...] = ()
    sweeps: bool = False
    lists: tuple[str, ...] = ()

    @property
    def workflow(self) -> str:
        """The name of its module in `gislr.workflows`, and of its function there."""
        return f"{self.name}_" if iskeyword(self.name) else self.name


TRAIN, DATA, EVALUATE, USE, LOOK = "Train", "Data", "Evaluate", "Use a model", "Look"

COMMANDS = {
    command.name: command
    for command in (
        Command("train", TRAIN, "Train one model and track it", sweeps=True),
        Command("sweep", TRAIN, "Search settings: gislr train -m", stands_for=("train", "-m")),
        Command(
            "cross_validate",
            TRAIN,
            "Train on every fold of signers with several seeds",
            sweeps=True,
        ),
        Command(
            "learning_curve", TRAIN, "Train on a few clips of each sign, then on more", sweeps=True
        ),
        Command("pretrain", TRAIN, "Train on masked landmarks, without labels"),
        Command("final", TRAIN, "Train a validated configuration on all signers"),
        Command("reproduce", TRAIN, "Train a run again and compare every metric"),
        Command("import", DATA, "Write the manifest of a published set", "dataset"),
        Command("extract", DATA, "Find landmarks in videos, in bulk", "videos"),
        Command("record", DATA, "Serve a page that records signs", lists=("signs",)),
        Command("prepare", DATA, "Read, check and store data without training"),
        Command("evaluate", EVALUATE, "Evaluate a logged model", "run"),
        Command("report", EVALUATE, "Draw the figures and the page of a run", "run"),
        Command("compare", EVALUATE, "Compare runs on the same signers", "runs"),
        Command("experiments", EVALUATE, "Update the table of experiments/README.md"),
        Command("parity", EVALUATE, "Compare with the reference notebook's results", "files"),
        Command("export", USE, "Write LiteRT and ONNX files"),
        Command("predict", USE, "Name the signs of clips and videos", "clips"),
        Command("demo", USE, "Serve a page to try a model", "clips"),
        Command("describe", LOOK, "Describe data on one page"),
        Command("view", LOOK, "Draw clips", "clips"),
        Command("ui", LOOK, "Open MLflow's pages"),
        Command("sync", LOOK, "Send what the tracking store did not accept"),
        Command("doctor", LOOK, "Check what is installed, missing or broken"),
    )
}
