"""Every command: its group, what it does, and the function and configuration that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command, `gislr NAME` or `python -m gislr.NAME`.

    Attributes:
        name: Its name, and its module's.
        group: Heading under which `gislr --help` lists it.
        summary: One line.
        config: Its primary configuration, a file of `conf/`.
        function: Name in `gislr.workflows.NAME` of the function of a composed configuration.
        arguments: Name there of a function that changes the arguments first, if any.
    """

    name: str
    group: str
    summary: str
    config: str | None = "train"
    function: str = "main"
    arguments: str | None = None


TRAIN, JUDGE, USE, LOOK = "Train", "Judge", "Use a model", "Look"

COMMANDS = {
    command.name: command
    for command in (
        Command("train", TRAIN, "Train one model and track it", arguments="track"),
        Command(
            "cross_validate",
            TRAIN,
            "Train on folds of signers with several seeds",
            function="cross_validate",
            arguments="with_folds",
        ),
        Command(
            "prepare", TRAIN, "Read, check and store data without training", function="prepare"
        ),
        Command(
            "final",
            TRAIN,
            "Train a validated configuration on all signers",
            "final",
            "final",
            arguments="as_keys",
        ),
        Command(
            "reproduce",
            TRAIN,
            "Train a run again and compare every metric",
            "reproduce",
            "reproduce",
        ),
        Command("evaluate", JUDGE, "Evaluate a logged model", "evaluate", "evaluate"),
        Command("compare", JUDGE, "Compare runs on the same signers", None),
        Command("experiments", JUDGE, "Update the table of experiments/README.md", None),
        Command("parity", JUDGE, "Compare with the reference notebook's results", None),
        Command("export", USE, "Write LiteRT and ONNX files", "export", "export"),
        Command("predict", USE, "Name the signs of clips and videos", None),
        Command("video", USE, "Find landmarks in videos", None),
        Command("demo", USE, "Serve a page to try a model", None),
        Command("describe", LOOK, "Describe data on one page", function="describe"),
        Command("view", LOOK, "Draw clips", None),
        Command("ui", LOOK, "Open MLflow's pages", None),
        Command("sync", LOOK, "Send what the tracking store did not take", None),
    )
}
