"""The drawing of imports has no circle and no arrow upwards, and helpers stay thin."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions

import nbformat
import pytest
from packaging.requirements import Requirement

from helpers.course import ROOT

LARGEST, LARGEST_FILE = 1_850, 250  # lines of Python in helpers; on the way to 1,600
MAY_IMPORT = {
    "helpers": {"helpers"},
    "tools": {"helpers", "tools"},
    "benchmarks": {"helpers", "tools", "benchmarks"},
    "tests": {"helpers", "tools", "benchmarks", "tests"},
    "notebooks": {"helpers"},
}


def sources():
    """Yield (path from the root, syntax tree) of all Python of the project."""
    for folder in ("helpers", "tools", "benchmarks", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                lines = [line for line in cell.source.splitlines() if line.lstrip()[:1] not in "%!"]
                yield path.relative_to(ROOT), ast.parse("\n".join(lines))


def imported(path, tree):
    """Yield the full name of each module that a file imports, also inside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.parts[: -node.level] if node.level else ()
            base = ".".join([*package, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


IMPORTS = [(path, name) for path, tree in sources() for name in imported(path, tree)]


def module_of(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows():
    """Return {module of helpers: the modules of helpers that it imports}."""
    modules = {module_of(path) for path, _ in IMPORTS if path.parts[0] == "helpers"}
    modules |= {module_of(path.relative_to(ROOT)) for path in (ROOT / "helpers").rglob("*.py")}
    found = {module: set() for module in modules}
    for path, name in IMPORTS:
        if path.parts[0] == "helpers" and name in modules - {"helpers", module_of(path)}:
            found[module_of(path)].add(name)
    return found


def test_no_arrow_runs_upwards():
    own = set(MAY_IMPORT)
    wrong = [
        f"{path} imports {name}"
        for path, name in IMPORTS
        if name.partition(".")[0] in own - MAY_IMPORT[path.parts[0]]
    ]
    assert not wrong


def test_helpers_name_no_tool_that_they_could_start():
    names = {
        (str(path), node.value)
        for path, tree in sources()
        if path.parts[0] == "helpers"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(("tools.", "tools/"))
    }
    assert not names


def test_the_leaf_imports_nothing_of_ours_and_there_is_no_circle():
    graph = arrows()
    assert len(graph) > 10 and graph["helpers.course"] == set()
    assert graph["helpers.training"] >= {"helpers.course", "helpers.checkpoints"}
    while graph:
        leaves = {module for module, imports in graph.items() if not imports & graph.keys()}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {module: imports for module, imports in graph.items() if module not in leaves}


def test_helpers_are_thin():
    files = sorted((ROOT / "helpers").rglob("*.py"))
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert sum(lines.values()) <= LARGEST, lines
    assert max(lines.values()) <= LARGEST_FILE, lines


def test_everything_that_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    always = {Requirement(line).name.lower() for line in project["dependencies"]}
    testing = always | {
        Requirement(line).name.lower() for extra in extras.values() for line in extra
    }
    distributions = packages_distributions()
    missing = set()
    for path, name in IMPORTS:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in MAY_IMPORT or not top:
            continue
        declared = testing if path.parts[0] == "tests" else always
        if not {each.lower() for each in distributions.get(top, [top])} & declared:
            missing.add(f"{path}: {top}")
    assert not missing


@pytest.mark.parametrize(
    "source, wanted",
    [
        ("from . import plotting", "helpers.plotting"),
        ("from .course import DATA", "helpers.course"),
        ("def f():\n    import tools.data.streets", "tools.data.streets"),
    ],
)
def test_imports_of_each_form_are_found(source, wanted):
    path = ROOT.joinpath("helpers/metrics.py").relative_to(ROOT)
    assert wanted in set(imported(path, ast.parse(source)))
