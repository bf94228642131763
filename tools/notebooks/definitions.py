"""Take the definitions out of a notebook without running it.

So tests, tools and benchmarks use the chapter's own code.
"""

import ast
import linecache
import sys
import types
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from tools.notebooks.execution import chapters

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def load_definitions(chapter: str, path: Path | None = None) -> types.ModuleType:
    """Run only the imports, functions, classes and constants of a notebook, in their order.

    Args:
        chapter: two digits, as in "04".
        path: another notebook than the chapter, such as its solutions.

    Returns:
        A module with these names. A name that is defined twice has its last meaning.

    Raises:
        SystemExit: there is no such chapter.
        SyntaxError: a cell is no Python.
    """
    path = path or chapters(chapter)[0]
    module = types.ModuleType(f"chapter_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # classes look their module up by its name
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code":
            # Lines such as %matplotlib become calls, which are left out below.
            source = TransformerManager().transform_cell(cell.source)
            # With the folder: the solutions of a chapter have its name, and other sources.
            filename = f"{path.parent.name}/{path.name}, cell {number}"
            tree = ast.parse(source, filename)
            tree.body = [node for node in tree.body if is_definition(node)]
            # tf.function reads the source of what it compiles, and tracebacks show it.
            lines = source.splitlines(keepends=True)
            linecache.cache[filename] = (len(source), None, lines, filename)
            exec(compile(tree, filename, "exec"), module.__dict__)
    return module


def is_definition(node: ast.stmt) -> bool:
    """Tell whether a statement imports, defines, or sets constants.

    Constants have two or more capitals, as in `EPOCHS = budget(1, 6, 50)` or `LOW, HIGH = 0, 1`.
    One capital, such as P, is a matrix of the mathematics, which a chapter computes.
    """
    if isinstance(node, DEFINITIONS):
        return True
    if isinstance(node, ast.Assign):
        return all(map(is_constant, node.targets))
    return isinstance(node, ast.AnnAssign) and is_constant(node.target)


def is_constant(target: ast.expr) -> bool:
    """Tell whether a target of an assignment is a name of two or more capitals, or several."""
    if isinstance(target, ast.Tuple):
        return all(map(is_constant, target.elts))
    return isinstance(target, ast.Name) and target.id.isupper() and len(target.id) > 1
