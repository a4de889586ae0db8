"""The house's rules that no linter knows: names, heavy imports, sizes."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from gislr.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for folder in ("gislr", "hydra_plugins")
    for path in (ROOT / folder).rglob("*.py")
    if not path.name.startswith("__")
)
PACKAGES = sorted(path.parent for path in (ROOT / "gislr").rglob("__init__.py"))
HEAVY = {"tensorflow", "keras", "mlflow", "matplotlib", "sklearn", "pandas", "seaborn", "scipy"}


def test_no_two_modules_have_the_same_name():
    places = defaultdict(list)
    for path in [*FILES, *PACKAGES]:
        name = path.relative_to(ROOT).as_posix()
        if path.stem != path.parent.name and name.startswith("gislr/"):
            places[path.stem].append(name)
    twice = {name: found for name, found in places.items() if len(found) > 1}
    for name in COMMANDS:  # a thin command, its workflow, and at most the room that it opens
        pair = {f"gislr/{name}.py", f"gislr/{name}", f"gislr/workflows/{name}.py"}
        assert set(twice.pop(name, [])) <= pair
    assert twice == {}


def test_no_command_is_a_module_and_a_package():
    both = [path for path in FILES if path.with_suffix("").is_dir()]
    assert both == [], "a package hides a module of its name"


def test_every_command_is_thin_and_has_a_workflow():
    for name, command in COMMANDS.items():
        if command.stands_for:
            continue
        module = ROOT / "gislr" / f"{name}.py"
        if not module.is_file():
            module = ROOT / "gislr" / name / "__main__.py"
        assert len(module.read_text().splitlines()) <= 15
        assert (ROOT / "gislr" / "workflows" / f"{command.workflow}.py").is_file()
    loose = {path.stem for path in (ROOT / "gislr").glob("*.py") if path.stem[0] != "_"}
    assert loose <= set(COMMANDS)


@pytest.mark.parametrize("room", ["cli", "config", "utils", "workflows", "tracking", "batches"])
def test_importing_a_room_imports_no_heavy_package(room):
    graph = {module_name(path): set(at_import(path)) for path in (ROOT / "gislr").rglob("*.py")}
    start = [name for name in graph if f"{name}.".startswith(f"gislr.{room}.")]
    if room == "workflows":  # what else is there, these import inside functions
        own = {command.workflow for command in COMMANDS.values()}
        start = [name for name in start if name.split(".")[-1] in own]
    reached, waiting = {}, [(name, name) for name in start]
    while waiting:
        name, way = waiting.pop()
        if name in reached:
            continue
        reached[name] = way
        parts = name.split(".")
        parents = {".".join(parts[:k]) for k in range(1, len(parts))} & graph.keys()
        waiting += [(other, f"{way} > {other}") for other in parents | graph.get(name, set())]
    heavy = [way for name, way in reached.items() if name.split(".")[0] in HEAVY]
    assert heavy == []


def module_name(path: Path) -> str:
    """Returns a module's dotted name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def at_import(path: Path) -> Iterator[str]:
    """Yields the modules that a module imports when it is imported itself."""
    waiting = list(ast.parse(path.read_text()).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            waiting += node.body
