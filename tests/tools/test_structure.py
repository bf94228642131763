"""The drawing of imports has no circle and no arrow upwards; helpers are thin; nothing is missing.

Only syntax trees are looked at: benchmarks and tools are read, not run.
"""

import ast
import functools
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from helpers.course import ROOT
from tools.notebooks.execution import chapters

LARGEST, LARGEST_FILE = 1_600, 250  # lines of Python in helpers
MAY_IMPORT = {
    "helpers": {"helpers"},
    "tools": {"helpers", "tools"},
    "benchmarks": {"helpers", "tools", "benchmarks"},
    "tests": {"helpers", "tools", "benchmarks", "tests"},
    "notebooks": {"helpers"},
}
# Used without an import: programs, JupyterLab's extension for widgets, and pytest's plugins.
NOT_IMPORTED = {
    "jupyterlab",
    "ipykernel",
    "ipywidgets",
    "pytest-xdist",
    "nbval",
    "ruff",
    "jupytext",
}
CHECKS = (
    "tests.notebooks.test_style",
    "tests.tools.test_structure",
    "tests.tools.test_environment",
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared(lines):
    return {Requirement(line).name.lower() for line in lines}


ALWAYS = declared(PROJECT["dependencies"])
EXTRAS = declared(line for extra in PROJECT["optional-dependencies"].values() for line in extra)


@functools.cache
def sources():
    """Return (path from the root, syntax tree) of all Python of the project; a cell is a tree."""
    found = []
    for folder in ("helpers", "tools", "benchmarks", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.append((path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))))
    for path in chapters(solutions=True):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                lines = [line for line in cell.source.splitlines() if line.lstrip()[:1] not in "%!"]
                found.append((path.relative_to(ROOT), ast.parse("\n".join(lines))))
    return found


def imported(path, tree):
    """Yield (module, name in it or "") of each import of a file, also inside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.parts[: -node.level] if node.level else ()
            base = ".".join([*package, *filter(None, [node.module])])
            yield from ((base, alias.name) for alias in node.names)


@functools.cache
def imports():
    """Return (path, module, name in it or "") of each import of the project."""
    return [(path, *found) for path, tree in sources() for found in imported(path, tree)]


def module_of(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_ours(module):
    return module.partition(".")[0] in MAY_IMPORT


@functools.cache
def names_of_modules():
    """Return {module of ours: names that it has, those of the modules in it too}."""
    names = {}
    for path, tree in sources():
        if path.suffix == ".py":
            names.setdefault(module_of(path), set()).update(bound_names(tree.body))
            for parent, child in zip(path.parents, path.with_suffix("").parts[::-1]):
                names.setdefault(".".join(parent.parts), set()).add(child)
    return names


def bound_names(statements):
    """Yield the names that statements bind, without those inside of functions and classes."""
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        else:
            stored = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
            yield from (part.id for part in stored if isinstance(part.ctx, ast.Store))
            yield from bound_names([part for part in ast.iter_child_nodes(node) if is_block(part)])


def is_block(node):
    return isinstance(node, ast.stmt | ast.ExceptHandler)


def test_no_arrow_runs_upwards():
    wrong = [
        f"{path} imports {module}"
        for path, module, _ in imports()
        if is_ours(module) and module.partition(".")[0] not in MAY_IMPORT[path.parts[0]]
    ]
    assert not wrong


def test_helpers_name_no_tool_that_they_could_start():
    texts = [
        (str(path), node.value)
        for path, tree in sources()
        if path.parts[0] == "helpers"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [text for text in texts if text[1].startswith(("tools.", "tools/"))]


def arrows():
    """Return {module of helpers: the modules of helpers that it imports}."""
    modules = {name for name in names_of_modules() if name.startswith("helpers")}
    found = {module: set() for module in modules}
    for path, module, name in imports():
        if path.parts[0] == "helpers":
            targets = {module, f"{module}.{name}"} & modules
            found[module_of(path)] |= targets - {"helpers", module_of(path)}
    return found


def test_the_leaf_imports_nothing_of_ours_and_there_is_no_circle():
    graph = arrows()
    assert len(graph) > 10 and graph["helpers.course"] == set()
    assert graph["helpers.training"] >= {"helpers.course", "helpers.checkpoints"}
    while graph:
        leaves = {module for module, targets in graph.items() if not targets & graph.keys()}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {module: targets for module, targets in graph.items() if module not in leaves}


def test_each_import_of_ours_leads_to_something():
    names = names_of_modules()
    wrong = [
        f"{path}: {module} {name}"
        for path, module, name in imports()
        if is_ours(module) and (module not in names or (name and name not in names[module]))
    ]
    assert not wrong


def other_meanings():
    """Yield (path, name) of each variable and each argument: it may hide a module."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield path, node.id
            elif isinstance(node, ast.arg):
                yield path, node.arg


def test_what_is_taken_from_a_module_of_ours_is_there():
    """As in `datasets.load`, after `from helpers import datasets`."""
    names, wrong = names_of_modules(), []
    ours = {(path, name): f"{module}.{name}" for path, module, name in imports() if is_ours(module)}
    for other in other_meanings():
        ours.pop(other, None)
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = ours.get((path, node.value.id))
                if module in names and node.attr not in {*names[module], "__file__", "__doc__"}:
                    wrong.append(f"{path}: {module}.{node.attr}")
    assert not wrong


def test_helpers_are_thin():
    files = sorted((ROOT / "helpers").rglob("*.py"))
    # By path: there are two __init__.py.
    lines = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert sum(lines.values()) <= LARGEST, lines
    assert max(lines.values()) <= LARGEST_FILE, lines


@functools.cache
def distributions():
    return packages_distributions()  # looks through all that is installed


def distributions_of(module):
    """Return the distributions that bring a module: none for Python's own and ours."""
    top = module.partition(".")[0]
    if not top or top in sys.stdlib_module_names or is_ours(top):
        return set()
    return {name.lower().replace("_", "-") for name in distributions().get(top, [top])}


def test_everything_that_is_imported_is_declared():
    missing = set()
    for path, module, _ in imports():
        wanted = distributions_of(module)
        allowed = ALWAYS | EXTRAS if path.parts[0] in ("tests", "tools") else ALWAYS
        if wanted and not wanted & allowed:
            missing.add(f"{path}: {module}")
    assert not missing


def test_everything_that_is_declared_is_used():
    used = {name for _, module, _ in imports() for name in distributions_of(module)}
    assert (ALWAYS | EXTRAS) - used == NOT_IMPORTED


def test_the_checks_import_no_tensorflow():
    code = (
        f"import sys, {', '.join(CHECKS)}; assert not {{'tensorflow', 'keras'}} & {{*sys.modules}}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = [line for line in makefile.splitlines() if line.startswith("CHECKS :=")]
    assert {f"{name.replace('.', '/')}.py" for name in CHECKS} == set(line.split()[2:])


@pytest.mark.parametrize(
    "source, wanted",
    [
        ("from . import plotting", ("helpers", "plotting")),
        ("from .course import DATA", ("helpers.course", "DATA")),
        ("def f():\n    import tools.data.symbols", ("tools.data.symbols", "")),
    ],
)
def test_imports_of_each_form_are_found(source, wanted):
    assert wanted in set(imported(Path("helpers/metrics.py"), ast.parse(source)))
