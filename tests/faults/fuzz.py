"""Fuzzes one reader by atheris, in this process: `python -m tests.faults.fuzz NAME SECONDS FOLDER`.

A case may be read, or refused by a `GislrError` of printable text. FOLDER gets an input of every
other kind of outcome, with its traceback; a case of more than 10 s, or 1.5 GB, ends the process.
"""

import hashlib
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from gislr.utils.errors import GislrError

CORPUS = Path(__file__).parent / "corpus"
LONGEST_TEXT = 3000
LONGEST_SECONDS = 10
MEGABYTES = 1500


def outcome(read: Callable[[bytes], object], content: bytes) -> str:
    """Reads a case.

    Returns:
        `read`, `refused`, or `ended` where that may happen.

    Raises:
        Exception: What must not happen.
    """
    from tests.faults.forked import Ended  # late, for `main` to instrument it

    try:
        read(content)
    except GislrError as error:
        text = str(error)
        assert "\x1b" not in text, f"raw text {text[:100]!r}"
        assert 0 < len(text) <= LONGEST_TEXT, f"{len(text)} letters: {text[:100]!r}"
        return "refused"
    except Ended:
        return "ended"
    return "read"


def main(name: str, seconds: int, folder: Path) -> None:
    """Fuzzes until the time is over; atheris ends the process."""
    import atheris

    with atheris.instrument_imports(include=["gislr", "tests.faults"]):
        from tests.faults.fuzz_targets import TARGETS

        target = TARGETS[name]
        # Not removed at the end, which atheris does not reach; FOLDER is the caller's.
        read = target.begin(Path(tempfile.mkdtemp(dir=folder)))
        corpus, grown = folder / "seeds", folder / "corpus"
        for each in (corpus, grown):
            each.mkdir(exist_ok=True)
        for seed, content in target.seeds().items():
            (corpus / seed).write_bytes(content)
            outcome(read, content)  # imports what it needs
    known: set[str] = set()
    counts = dict.fromkeys(("read", "refused", "ended", "wrong"), 0)

    def case(content: bytes) -> None:
        try:
            counts[outcome(read, content)] += 1
        except Exception as error:
            counts["wrong"] += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} {place.filename}:{place.lineno}"
            if kind not in known:
                known.add(kind)
                found = folder / f"wrong-{hashlib.sha256(content).hexdigest()[:12]}"
                found.write_bytes(content)
                found.with_suffix(".txt").write_text(traceback.format_exc())
        if sum(counts.values()) % 20 == 0:
            (folder / "counts").write_text(" ".join(map(str, counts.values())))

    options = [f"-max_total_time={seconds}", f"-timeout={LONGEST_SECONDS}", "-max_len=200000"]
    options += [f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={folder}/ended-"]
    options += ["-verbosity=0"]
    places = [str(place) for place in (grown, corpus, CORPUS / name) if place.is_dir()]
    atheris.Setup([sys.argv[0], *options, *places], case)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
