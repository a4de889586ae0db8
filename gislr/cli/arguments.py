"""What happens to a command's arguments before Hydra reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gislr.cli.commands import Command
from gislr.config.composition import has_groups
from gislr.utils.errors import SettingError, unknown_name
from gislr.utils.paths import config_folder

_WITH_VALUE = ("--cfg", "-c", "--info", "-i", "--package", "-p", "--config-dir", "-cd")
_SPLIT = "group_kfold"
_SEEDS = "range(0,2)"


def hydra_arguments(command: Command, arguments: Sequence[str]) -> list[str]:
    """Returns the arguments as Hydra understands them.

    Args:
        command: The command.
        arguments: As they were typed.

    Raises:
        SettingError: An argument cannot be used.
    """
    words: list[str] = []
    kept: list[str] = []
    previous = ""
    for argument in arguments:
        is_word = "=" not in argument or Path(argument).exists()
        if command.words and is_word and argument[:1] not in "-~" and previous not in _WITH_VALUE:
            words.append(_in_quotes(argument))
        else:
            kept.append(quoted(argument))
        previous = argument
    if words:
        kept.append(f"{command.words}=[{','.join(words)}]")
    if command.name == "final":
        kept = [argument.replace("+experiments=", "experiment=", 1) for argument in kept]
    if command.name == "cross_validate":
        kept = with_folds(kept)
    if has_groups(command.name):
        require_group_names(kept)
    return kept


def quoted(argument: str) -> str:
    """Quotes a value that the grammar of Hydra refuses, such as a path with an umlaut."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, separator, value = argument.partition("=")
    if argument.startswith("-") or not separator:
        return argument
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return f"{key}={_in_quotes(value)}"
    return argument


def _in_quotes(value: str) -> str:
    """Quotes a value; backslashes count as such only before a quotation mark."""
    doubled = re.sub(r'(\\+)(?="|$)', r"\1\1", value)
    return '"{}"'.format(doubled.replace('"', '\\"'))


def with_folds(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments of a cross-validation with the folds and seeds that are not given.

    Raises:
        SettingError: Another split, or a single fold, is asked for.
    """
    if "hydra.mode=RUN" in arguments or any(a.startswith(("-c", "--cfg")) for a in arguments):
        return list(arguments)
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    if given.get("split", _SPLIT) != _SPLIT:
        raise SettingError(
            f"A cross-validation needs split={_SPLIT}; got split={given['split']}, "
            "use gislr.train for it."
        )
    if "split.fold" in given:
        raise SettingError(
            "A cross-validation holds out every fold once; leave split.fold out, "
            "or use gislr.train for one of them."
        )
    kept = [argument for argument in arguments if not argument.startswith("seed=")]
    seeds = given.get("seed", _SEEDS)
    if seeds.isdigit():  # a parameter of the trial, too, so that tables can name it
        seeds = f"range({seeds},{int(seeds) + 1})"
    return ["-m", *kept, f"split.fold=range(0,{given.get('split.folds', 5)})", f"seed={seeds}"]


def is_sweep(arguments: Sequence[str]) -> bool:
    """Tells whether arguments start a sweep, rather than one of its trials."""
    return bool({"-m", "--multirun"}.intersection(arguments)) and "hydra.mode=RUN" not in arguments


def require_group_names(arguments: Sequence[str]) -> None:
    """Refuses what Hydra cannot take for the name of a group's choice, such as a number.

    Args:
        arguments: The command line.

    Raises:
        SettingError: A group is given something else than a name.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Sweep
    from hydra.errors import HydraException

    groups = {folder.name: folder for folder in config_folder().iterdir() if folder.is_dir()}
    for argument in arguments:
        key, _, value = argument.lstrip("+").partition("=")
        if key not in groups and key != "hydra":
            continue
        try:
            given = OverridesParser.create().parse_override(argument).value()
        except HydraException:
            continue  # Hydra says what is wrong with it
        if not isinstance(given, str | Sweep | list):
            choices = [file.stem for file in groups[key].glob("*.yaml")] if key in groups else []
            if not choices:
                raise SettingError(f"{key} is no setting; write its keys as {key}.KEY=VALUE.")
            raise unknown_name(key, value[:100], choices)
