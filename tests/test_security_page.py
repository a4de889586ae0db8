"""docs/security.md: every test that it names exists; what it says of shells is so."""

import ast
import re

from gislr.utils.paths import PACKAGE
from tests.documentation import ROOT


def test_every_test_that_the_page_names_exists():
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 40
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py")]
    defined = {name for text in texts for name in re.findall(r"^def (test_\w+)\(", text, re.M)}
    assert named - defined == set()


def test_no_shell_is_started():
    for file in [*PACKAGE.rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in {"os.system", "os.popen", "eval", "exec"}, file
            if called.startswith("subprocess."):
                assert not any(each.arg == "shell" for each in node.keywords), file
