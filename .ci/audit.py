"""Lists known advisories and the licenses of the pinned packages; `make audit` runs it.

    python .ci/audit.py PYTHON

PYTHON is the environment of requirements.lock. build/licenses.csv holds each package's license.
Ends with 1 if an advisory is known or nobody could be asked for any.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LICENSES = ROOT / "build/licenses.csv"
TOOLS = Path(sys.executable).parent
_PERMISSIVE = ("MIT", "BSD", "APACHE", "ISC", "PSF", "PYTHON SOFTWARE", "MPL", "MOZILLA")


def advisories(report: str) -> tuple[list[str], bool]:
    """Returns what to say of pip-audit's report in JSON, and whether all is well.

    Args:
        report: Empty where the database did not answer. A mirror of the packages alone skips all
            of them, which pip-audit calls "no known vulnerabilities".
    """
    packages: list[dict[str, Any]] = json.loads(report)["dependencies"] if report else []
    asked = [each for each in packages if "skip_reason" not in each]
    if not asked:
        return [
            "The advisory database of PyPI did not answer, so nothing is known of any package; run "
            "make audit where https://pypi.org/pypi can be reached."
        ], False
    found = [
        f"{each['name']} {each['version']}: {known['id']}, fixed in "
        f"{', '.join(known['fix_versions']) or 'no version'}"
        for each in asked
        for known in each["vulns"]
    ]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    lines = found or [f"No advisory is known for {len(asked)} packages."]
    if skipped:
        lines.append(f"Nothing is known of {', '.join(skipped)}.")
    return lines, not found and not skipped


def unusual(rows: list[dict[str, str]]) -> list[str]:
    """Returns the packages of licenses that ask for more than a notice, or that name none."""
    return [
        f"{row['Name']} {row['Version']}: {row['License']}"
        for row in rows
        if "GPL" in row["License"]
        or not any(name in row["License"].upper() for name in _PERMISSIVE)
    ]


def main(python: str) -> int:
    """Asks for both, and returns the exit code."""
    lock = ROOT / "requirements.lock"
    audit = [TOOLS / "pip-audit", "--requirement", lock, "--no-deps", "--disable-pip"]
    options = ["--format", "json", "--progress-spinner", "off"]
    asked = subprocess.run([*audit, *options], capture_output=True, text=True, check=False)
    lines, is_well = advisories(asked.stdout)
    LICENSES.parent.mkdir(exist_ok=True)
    listed = [TOOLS / "pip-licenses", "--python", python, "--from", "mixed", "--format", "csv"]
    listed += ["--ignore-packages", "gislr", "--output-file", LICENSES]
    subprocess.run(listed, stdout=subprocess.DEVNULL, check=True)
    with LICENSES.open(encoding="utf-8", newline="") as file:
        lines += [f"Look at {each}" for each in unusual(list(csv.DictReader(file)))]
    print("\n".join([*lines, f"licenses: {LICENSES.relative_to(ROOT)}"]))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
