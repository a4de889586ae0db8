"""Says in one sentence what Hydra and OmegaConf find wrong."""

from __future__ import annotations

import re
from dataclasses import fields

from gislr.config.config_files import composed_files
from gislr.utils.errors import did_you_mean
from gislr.utils.log import printable


def explain(error: Exception, name: str) -> str:
    """Returns an error of Hydra in one sentence, with the nearest name of the command's keys."""
    message = re.sub(r"^\w+ raised while resolving interpolation: ", "", str(error))
    message = printable(message.replace("\t", ""))
    if key := re.match(r"Could not (?:override|delete|append)[^']*'([^']+)'", message):
        return _unknown_key(key.group(1).split("@")[0], name)
    if missing := re.search(r"Could not find '([^']+)'", message):
        options = re.findall(r"^(\w+)$", message.partition("Available options")[2], re.M)
        group, _, choice = missing.group(1).rpartition("/")
        listed = f" {group} can be {', '.join(options)}." if options else ""
        hint = did_you_mean(choice, options)
        return f"{group or 'The configuration'} has no {choice!r}.{listed}{hint}"
    key = getattr(error, "full_key", None)
    if "Missing mandatory value" in message and key:
        return f"{key} has no value yet; add {key}=VALUE."
    first = message.strip().splitlines()[0]
    if key:
        return f"{key}: {first}"
    return first


def _unknown_key(key: str, name: str) -> str:
    known = known_keys(name)
    section, _, _ = key.rpartition(".")
    if key in known:
        section = key.partition(".")[0]
        return f"{key} is no setting of the {section} that was chosen; --cfg job shows its keys."
    near = [each for each in known if each.count(".") == key.count(".")] or known
    siblings = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == section]
    listed = f" {section or name} has {', '.join(siblings)}." if siblings else ""
    return f"{key} is no setting.{did_you_mean(key, near) or listed}"


def known_keys(name: str) -> list[str]:
    """Returns every dotted key of a command's default configuration, sections included."""
    from gislr.utils.settings import flatten
    from hydra_plugins.optuna_sweeper import SweeperSettings

    keys = [key for f in composed_files(name) for key, _ in flatten(f.keys, sections=True)]
    return [*dict.fromkeys(keys), *(f"hydra.sweeper.{f.name}" for f in fields(SweeperSettings))]
