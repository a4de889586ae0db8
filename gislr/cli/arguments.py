"""Turns a command's arguments into those that Hydra reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from gislr.cli.commands import COMMANDS, Command
from gislr.config.config_files import composed_files, groups
from gislr.config.overrides import hydra_override, in_quotes, list_override
from gislr.utils.errors import SettingError, did_you_mean

_OPTIONS = (
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--resolve", "--multirun", "-m", "--run"),
    *("-r", "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--version"),
    *("--hydra-help", "--experimental-rerun", "--shell-completion", "-sc"),
)
_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--info", "-i", "--config-dir", "-cd")
_SHOW = {"--cfg", "-c", "--info", "-i"}
_SWEEP = {"-m", "--multirun"}
_SPLIT = "group_kfold"
_SEEDS = "range(0,2)"
_CLIP_COUNTS = "training.clips_per_sign=1,3,5,10,null"


def hydra_arguments(command: Command, arguments: Sequence[str]) -> list[str]:
    """Returns the arguments as Hydra understands them.

    Args:
        command: The command.
        arguments: As they were typed.

    Raises:
        SettingError: An argument cannot be used.

    Example:
        >>> from gislr.cli.arguments import hydra_arguments
        >>> from gislr.cli.commands import COMMANDS
        >>> hydra_arguments(COMMANDS["view"], ["clip.parquet", "output=figures"])
        ['output=figures', 'clips=["clip.parquet"]']
    """
    choices = groups(command.name)
    options = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    _require_options(argument for argument in arguments if argument.startswith("-"))
    if options & _SWEEP and not command.sweeps:
        can = ", ".join(each.name for each in COMMANDS.values() if each.sweeps)
        raise SettingError(f"{command.name} runs once; only {can} can sweep.")
    if options & _SHOW and options & _SWEEP:
        raise SettingError("--cfg and --info show one run, and a sweep has many; leave out -m.")
    words: list[str] = []
    kept: list[str] = []
    previous = ""
    for argument in arguments:
        # A pathlib.Path raises an error for a name that is too long.
        is_word = "=" not in argument or os.path.exists(argument)  # noqa: PTH110
        if previous in _WITH_VALUE:
            kept.append(argument)
        elif command.words and is_word and argument[:1] not in "-~":
            words.append(in_quotes(argument.replace("${", r"\${")))
        elif argument.partition("=")[0] in command.lists:
            kept.append(list_override(argument))
        else:
            kept.append(hydra_override(argument, choices))
        previous = argument
    if words:
        kept.append(f"{command.words}=[{','.join(words)}]")
    if command.name == "final":
        kept = [argument.replace("+experiments=", "experiment=", 1) for argument in kept]
    if not options & _SHOW and "hydra.mode=RUN" not in kept:  # which is one of its trials
        if command.name == "cross_validate":
            kept = with_folds(kept)
        elif command.name == "learning_curve":
            kept = with_clip_counts(kept)
    return kept


def _require_options(arguments: Iterable[str]) -> None:
    for argument in arguments:
        name = argument.partition("=")[0]
        if name not in _OPTIONS and not re.match(r"-\w", name):
            hint = did_you_mean(name, _OPTIONS)
            hint = hint or " Settings are written without dashes: KEY=VALUE."
            raise SettingError(f"{name} is no option.{hint}")


def with_folds(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments of a cross-validation, with the folds and seeds that are missing.

    Raises:
        SettingError: Another split, or a single fold, is asked for.
    """
    given = _given(arguments)
    if given.get("split", _SPLIT) != _SPLIT:
        raise SettingError(
            f"A cross-validation needs split={_SPLIT}; got split={given['split']}, "
            "use gislr train for it."
        )
    if "split.fold" in given:
        raise SettingError(
            "A cross-validation holds out every fold once; leave split.fold out, "
            "or use gislr train for one of them."
        )
    [split] = [file for file in composed_files("cross_validate") if file.group == "split"]
    folds = given.get("split.folds", split.parsed["folds"])
    return ["-m", *_with_seeds(arguments), f"split.fold=range(0,{folds})"]


def with_clip_counts(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments of a learning curve, with the numbers of clips and seeds missing."""
    key, _, _ = _CLIP_COUNTS.partition("=")
    counts = _given(arguments).get(key)
    if counts is not None and not re.search(r",|\(", counts):
        raise SettingError(
            f"A learning curve needs several numbers of clips, such as {_CLIP_COUNTS}; got "
            f"{key}={counts}."
        )
    return ["-m", *_with_seeds(arguments), *([] if counts else [_CLIP_COUNTS])]


def _with_seeds(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with the seeds as a sweep, which makes them parameters of trials."""
    seeds = _given(arguments).get("seed") or _SEEDS
    if seeds.isdigit():
        seeds = f"range({seeds},{int(seeds) + 1})"
    others = [argument for argument in arguments if not argument.startswith("seed=")]
    return [*others, f"seed={seeds}"]


def _given(arguments: Sequence[str]) -> dict[str, str]:
    return dict(argument.split("=", 1) for argument in arguments if "=" in argument)
