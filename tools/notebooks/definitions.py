"""Take the definitions out of a chapter without running it, so that tests and benchmarks use the chapter's own code."""

import ast
import linecache
import sys
import types

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from tools.notebooks.execution import chapters

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def _is_constant(node):
    """Tell whether a statement sets parameters: names of two or more capitals, as in `EPOCHS = budget(1, 6, 50)`.

    One capital, such as P, is a matrix of the mathematics, which a chapter computes.
    """
    targets = {ast.Assign: lambda: node.targets, ast.AnnAssign: lambda: [node.target]}.get(
        type(node), list
    )()
    return bool(targets) and all(
        isinstance(target, ast.Name) and target.id.isupper() and len(target.id) > 1
        for target in targets
    )


def load_definitions(chapter, path=None):
    """Run only the imports, functions, classes and constants in capitals of a notebook, in their order.

    Args:
        chapter: two digits, as in "04".
        path: another notebook than the chapter, such as its solutions.

    Returns:
        types.ModuleType with these names. A name that is defined twice has its last meaning.

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
            source = TransformerManager().transform_cell(
                cell.source
            )  # lines such as %matplotlib become calls, left out below
            filename = f"{path.name}, cell {number}"
            tree = ast.parse(source, filename)
            tree.body = [
                node for node in tree.body if isinstance(node, DEFINITIONS) or _is_constant(node)
            ]
            # tf.function reads the source of what it compiles, and tracebacks show it.
            linecache.cache[filename] = (
                len(source),
                None,
                source.splitlines(keepends=True),
                filename,
            )
            exec(compile(tree, filename, "exec"), module.__dict__)
    return module
