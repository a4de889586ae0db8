"""What README.md and docs/ show: commands, examples, files."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_IN_A_TABLE = re.compile(r"^\|.*?`((?:gislr|make) [^`]+)`", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file that it is said to be, its text."""

    page: str
    language: str
    title: str | None
    text: str


@dataclass(frozen=True)
class Shown:
    """A command, with the environment that its block has set before it."""

    page: str
    words: tuple[str, ...]
    environment: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shlex.join(self.words)


def blocks(language: str) -> list[Block]:
    """Returns the blocks of a language, page by page."""
    found = []
    for page in PAGES:
        for kind, title, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind == language:
                name = page.relative_to(ROOT).as_posix()
                found.append(Block(name, kind, title or None, text))
    return found


def shown_commands() -> list[Shown]:
    """Returns every command, once; those of blocks with a title need more than gislr."""
    found = [command for block in blocks("sh") if not block.title for command in in_block(block)]
    for page in PAGES:
        for text in _IN_A_TABLE.findall(page.read_text(encoding="utf-8")):
            found.append(Shown(page.relative_to(ROOT).as_posix(), tuple(shlex.split(text))))
    once = {(shown.words, shown.environment): shown for shown in reversed(found)}
    return list(reversed(once.values()))


def in_block(block: Block) -> Iterator[Shown]:
    exported: tuple[str, ...] = ()
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["export"]:
            exported += tuple(words[1:])
            continue
        own = tuple(word for word in words if re.match(r"[A-Z_]+=", word))
        own = own if tuple(words[: len(own)]) == own else ()
        if words[len(own) :]:
            yield Shown(block.page, tuple(words[len(own) :]), exported + own)
