"""Kills commands with -9 at random moments and repeats them until they end.

    python -m tests.faults.kills [--kills 1000] [--seed 0] [--output kills.md]

Every command must end with the result of one that nothing has disturbed. Runs unattended: what goes
wrong is kept and counted, and the table is written after each command, also when it is interrupted.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Process
from pathlib import Path

from hydra_plugins.optuna_sweeper import preload, start_call
from hydra_plugins.optuna_sweeper._forking import start_process
from tests.faults.killed_commands import COMMANDS, MODULES, KilledCommand, new_folder, set_up

MOST_KILLS = 6
LONGEST = 1800
QUARTERS = 4


@dataclass
class Tally:
    """What became of the kills of one command.

    Attributes:
        kills: How many fell into each quarter of the time that it takes.
        equal: Repetitions that ended with the result of an undisturbed one.
        anew: Resumed commands that had been killed before there was anything to resume.
        wrong: What went wrong, one line each.
    """

    kills: Counter = field(default_factory=Counter)
    equal: int = 0
    anew: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        quarters = " / ".join(str(self.kills[k]) for k in range(QUARTERS))
        return (
            f"| {name} | {self.kills.total()} | {quarters} | {self.equal} | {self.anew} | "
            f"{len(self.wrong)} |"
        )


def start(name: str, words: list[str], log: Path) -> Process:
    """Types a command, whose process has imported the libraries already: kills meet its work."""
    arguments = ["-m", f"gislr.{MODULES.get(name, name)}", *words]
    return start_process(arguments, ".", dict(os.environ), log)


class Killer:
    """Kills one command again and again.

    Args:
        root: See `killed_commands.set_up`.
        name: One of `COMMANDS`.
        rng: Decides when.
    """

    def __init__(self, root: Path, name: str, rng: random.Random) -> None:
        self.root, self.name, self.rng = root, name, rng
        self.command: KilledCommand = COMMANDS[name]
        self.log = root / f"{name}.log"
        self.tally = Tally()
        began = time.monotonic()
        folder = new_folder(root, f"whole {name}", self.command)
        process = start(name, self.command.words(folder), self.log)
        process.join(LONGEST)
        assert process.exitcode == 0, self.text()
        self.seconds = time.monotonic() - began
        self.expected = self.command.result(folder)

    def weight(self) -> float:
        """Returns what is equal for all commands in the end: kills times root of duration."""
        return self.tally.kills.total() * self.seconds**0.5

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def one_command(self, most: int) -> None:
        """Types the command, kills it at most so many times, and compares what it leaves."""
        folder = new_folder(self.root, f"killed {self.name}", self.command)
        words, left = self.command.words(folder), self.rng.randint(1, most)
        while True:
            process = start(self.name, words, self.log)
            moment = self.rng.uniform(0, self.seconds) if left else LONGEST
            process.join(moment)
            if process.exitcode is None:
                process.kill()
                process.join()
                if not left:
                    self.tally.wrong.append(f"{self.name}: it did not end in {LONGEST} s")
                    return
                left -= 1
                self.tally.kills[min(QUARTERS - 1, int(QUARTERS * moment / self.seconds))] += 1
                words = self.command.repeated(folder)
            elif process.exitcode and self.command.begins_anew(self.text()):
                if self._ended_well(folder):
                    break
                self.tally.anew += 1
                words = self.command.words(folder)
            else:
                break
        self._compare(process.exitcode, folder)

    def _ended_well(self, folder: Path) -> bool:
        with suppress(Exception):
            return self.command.result(folder) == self.expected
        return False

    def _compare(self, code: int, folder: Path) -> None:
        if self._ended_well(folder):
            self.tally.equal += 1
            return
        last = (self.text().strip().splitlines() or [""])[-1][:300]
        self.tally.wrong.append(f"{self.name}: exit status {code}, another result; {last}")
        with suppress(OSError):
            folder.rename(self.root / f"wrong {self.name} {len(self.tally.wrong)}")


def table(tallies: dict[str, Tally]) -> str:
    """Returns the results as Markdown."""
    head = "| command | kills | by quarter of its time | ended, equal | begun anew | wrong |\n"
    total = sum(tally.kills.total() for tally in tallies.values())
    lines = [tally.row(name) for name, tally in tallies.items()]
    wrong = [f"- {line}" for tally in tallies.values() for line in tally.wrong]
    return "\n".join([f"{head}|---|---|---|---|---|---|", *lines, "", f"{total} kills", *wrong, ""])


def run(kills: int, seed: int, output: Path, names: list[str]) -> dict[str, Tally]:
    """Kills commands in turn, quicker ones more often, until there are so many kills.

    Args:
        kills: How many in all.
        seed: Of the moments.
        output: The table's file.
        names: Of `COMMANDS`.

    Returns:
        What became of them, by command.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        root = Path(temporary)
        preload("gislr.workflows.preloaded")
        start_call(time.sleep, 0).join()  # no command's duration counts the libraries' import
        set_up(root, names)
        killers: dict[str, Killer] = {}
        tallies: dict[str, Tally] = {}
        while (total := sum(t.kills.total() for t in tallies.values())) < kills:
            name = min(names, key=lambda n: killers[n].weight() if n in killers else -1)
            if name not in killers:
                killers[name] = Killer(root, name, random.Random(f"{seed} {name}"))
                tallies[name] = killers[name].tally
            killers[name].one_command(min(MOST_KILLS, kills - total))
            output.write_text(table(tallies), encoding="utf-8")
    return tallies


def main() -> None:
    """Prints the table; the exit status is 1 if something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("build/kills.md"))
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), choices=COMMANDS)
    given = parser.parse_args()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    tallies = run(given.kills, given.seed, given.output, given.commands)
    print(table(tallies))
    sys.exit(any(tally.wrong for tally in tallies.values()))


if __name__ == "__main__":
    main()
