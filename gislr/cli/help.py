"""What `--help` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from gislr.cli.commands import COMMANDS
from gislr.config.config_files import composed_files, groups

_HEAD = """\
gislr trains, sweeps, compares and ships sign-recognition models from MediaPipe landmarks.

  gislr COMMAND [KEY=VALUE]...
"""
_FOOT = """
gislr COMMAND --help explains a command and lists its keys; gislr --version prints the version.
gislr completion SHELL prints the completion script of bash, zsh or fish.
"""
_OPTIONS = """
Options:
  --cfg job   print the composed configuration instead of running
"""
_SWEEP = """\
  -m          sweep KEY=A,B KEY=range(0,5) KEY=choice(A,B) KEY=interval(0.1,0.5)
"""


def overview() -> str:
    """Returns the help of `gislr` itself: every command in its group."""
    width = max(map(len, COMMANDS))
    text = _HEAD
    for group, commands in groupby(COMMANDS.values(), lambda command: command.group):
        lines = [f"  {command.name:<{width}}  {command.summary}" for command in commands]
        text += "\n".join(["", f"{group}:", *lines, ""])
    return text + _FOOT


def command_help(name: str, arguments: Sequence[str]) -> str:
    """Returns the help of a command: what it does, its groups, and its keys with their values.

    Args:
        name: The command.
        arguments: The command line; the keys of the chosen groups are listed.
    """
    files = composed_files(name, arguments)
    text = files[-1].head
    if found := groups(name):
        width = max(map(len, found))
        lines = [f"  {group:<{width}}  {', '.join(names)}" for group, names in found.items()]
        margin = " " * (width + 4)
        wrapped = [textwrap.fill(line, 100, subsequent_indent=margin) for line in lines]
        text += "\n".join(["", "Groups (GROUP=NAME), the default first:", *wrapped, ""])
    text += "\nKeys (KEY=VALUE) and their values:\n"
    for file in sorted(files, key=lambda file: file.path.stem == "base"):
        if file.body:
            head = f"{file.group}: # {file.path.stem}\n" if file.group else ""
            text += head + textwrap.indent(file.body.strip("\n"), "  " * bool(head)) + "\n\n"
    return text.rstrip() + "\n" + _OPTIONS + (_SWEEP if name == "train" else "")
