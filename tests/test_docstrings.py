"""The examples of docstrings run and print what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("gislr", "hydra_plugins/optuna_sweeper")
    for path in sorted((ROOT / folder).rglob("*.py"))
    # Those of the package itself train: test_docs.py runs them in a project of their own.
    if path != ROOT / "gislr/__init__.py" and ">>>" in path.read_text(encoding="utf-8")
]
TRAIN = {"gislr.workflows.factory"}


@pytest.mark.parametrize(
    "module",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in TRAIN)) for name in WITH_EXAMPLES],
)
def test_the_examples_of_a_module_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(module.removesuffix(".__init__")))
    assert found.attempted > 0
    assert found.failed == 0
