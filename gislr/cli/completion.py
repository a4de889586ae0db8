"""Shell completion: scripts for bash, zsh and fish, and the candidates that they ask for."""

from __future__ import annotations

from collections.abc import Sequence

from gislr.cli.commands import COMMANDS
from gislr.config.config_files import composed_files, groups
from gislr.utils.errors import unknown_name

CANDIDATES = "candidates"

# Bash splits words at "=" and replaces only what comes after it.
_BASH = """\
_gislr() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$' \\t'
    local words=($line)
    [[ $line == *[[:space:]] ]] && words+=("")
    local last="${words[-1]}"
    IFS=$'\\n'
    COMPREPLY=($(gislr completion candidates "${words[@]:1}" 2>/dev/null))
    [[ $last == *=* && $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${last%=*}="}")
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}
complete -o default -F _gislr gislr
"""
_ZSH = """\
#compdef gislr
_gislr() {
    local -a found
    found=("${(@f)$(gislr completion candidates "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n $found ]] && compadd -Q -S '' -- "${found[@]}" || _files
}
compdef _gislr gislr
"""
_FISH = """\
function __gislr
    gislr completion candidates (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c gislr -a '(__gislr)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def completion(arguments: Sequence[str]) -> str:
    """Returns the script of a shell, or the candidates for the last of some words.

    Args:
        arguments: The shell's name, or `candidates` and the words after `gislr`.

    Raises:
        SettingError: There is no script for the shell.
    """
    if arguments[:1] == [CANDIDATES]:
        return "\n".join(candidates(arguments[1:] or [""]))
    if list(arguments) not in [[name] for name in SCRIPTS]:
        raise unknown_name("gislr completion SHELL", " ".join(arguments), SCRIPTS)
    return SCRIPTS[arguments[0]]


def candidates(words: Sequence[str]) -> list[str]:
    """Returns what the last word can become: a command, a key, or the choice of a group.

    Example:
        >>> from gislr.cli.completion import candidates
        >>> candidates(["ev"])
        ['evaluate']
        >>> candidates(["train", "training.epo"])
        ['training.epochs=']
        >>> candidates(["train", "schedule=cons"])
        ['schedule=constant']
    """
    *before, last = words
    if not before:
        found = [*COMMANDS, "completion"]
    elif before[0] not in COMMANDS:
        found = []
    else:
        name = (COMMANDS[before[0]].stands_for or (before[0],))[0]
        key, separator, value = last.partition("=")
        choices = groups(name)
        if separator:
            # In a list, what is completed is its last name.
            chosen = value[: max(value.rfind("["), value.rfind(",")) + 1]
            found = [f"{key}={chosen}{choice}" for choice in choices.get(key, [])]
        else:
            keys = {key for file in composed_files(name, before) for key in _dotted(file.keys)}
            found = [f"{each}=" for each in sorted({*choices, *keys})]
    return [each for each in found if each.startswith(last)]


def _dotted(values: dict[str, object], prefix: str = "") -> list[str]:
    found = []
    for name, value in values.items():
        key = f"{prefix}{name}"
        found += _dotted(value, f"{key}.") if isinstance(value, dict) and value else [key]
    return found
