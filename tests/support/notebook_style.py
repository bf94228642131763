"""The rules of design.md on notebooks, each as a function that yields complaints.

tests/notebooks/test_style.py applies them.
"""

import ast
import base64
import re
import statistics

from helpers.course import ROOT
from tools.notebooks.execution import ABSOLUTE_PATH, FOLDER, PICTURES, faults, result_picture

SECTIONS = [
    "Objectives",
    "What you need to know",
    "How long it takes",
    "Set-up",
    "Parameters",
    "Data",
    "Idea",
    "Build",
    "Loss",
    "Training",
    "Samples",
    "Evaluation",
    "Play",
    "Exercises",
    "Recap",
]
LONGEST_LINE = 100  # letters; a page shows about so many without scrolling
# Of the other lessons the first edition's limits hold.
SECOND_EDITION = ("01_", "02_", "03_", "04_", "05_", "06_", "07_", "08_", "09_")
LONGEST_TRAINING = 10  # lines of a loop with the function around it
LONGEST_TRAINING_CELL = 10  # lines that are not blank
NOT_FOUND = "# No module named 'helpers'? See \"Quick start\" in README.md.\nfrom helpers"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def start_of(cell):
    return repr(cell.source[:60])


def headings(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^## (.+)$", text, flags=re.MULTILINE)


def check_sections(notebook, name):
    """The sections stand in the same order in each chapter; a heading may go on after its name."""
    found = headings(notebook)
    same = [head.startswith(wanted) for head, wanted in zip(found, SECTIONS)]
    if len(found) != len(SECTIONS) or not all(same):
        yield f"sections are {found}, wanted {SECTIONS}"


def limits(name):
    """Return the fewest and the most cells, the most lines of code, and of lines in one cell."""
    if not name.startswith(SECOND_EDITION):
        return 35, 60, 1_000, 30
    return (25, 40, 250, 25) if (FOLDER / f"{name}.ipynb").is_file() else (25, 50, 350, 25)


def check_title(notebook, name):
    """The first cell has the title and a picture that a cell of the notebook made."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith(f"# {name[:2]} "):
        yield f"the first cell is no title that starts with '# {name[:2]} '"
    path = FOLDER / "images" / f"{name}.png"
    shown = base64.b64encode(path.read_bytes()).decode() if path.is_file() else "no file"
    if not re.search(rf"!\[[^\]]{{20,}}\]\((\.\./)?images/{name}\.png\)", first.source):
        yield f"the title has no picture images/{name}.png with a description in words"
    elif shown != (result_picture(notebook) or "").replace("\n", ""):
        made = f"images/{name}.png is not the output of the cell tagged result-picture"
        yield f"{made}; run make outputs"


def check_sizes(notebook, name):
    """Few cells, about as much prose as code, short code cells."""
    code, total = [len(lines_of(cell)) for cell in code_cells(notebook)], len(notebook.cells)
    fewest, most, most_lines, _ = limits(name)
    if not fewest <= total <= most:
        yield f"{total} cells, wanted {fewest} to {most}"
    if sum(code) > most_lines:
        yield f"{sum(code)} lines of code, wanted {most_lines} at most"
    if not 0.4 <= len(code) / total <= 0.6:
        yield f"{len(code)} of {total} cells are code, wanted about half"
    if statistics.median(code) > 6:
        yield f"median code cell {statistics.median(code)} lines, wanted 6 at most"


def check_longest(notebook, name):
    """A code cell fits on a screen."""
    *_, longest = limits(name)
    for cell in code_cells(notebook):
        if (lines := len(cell.source.splitlines())) > longest:
            yield f"a code cell has {lines} lines, wanted {longest} at most: {start_of(cell)}"


def check_outputs(notebook, name):
    """Run in order from a fresh kernel, without errors, widget state or absolute paths."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: not run in order from a fresh kernel"
    yield from faults(notebook)


def check_checked_cells(notebook, name):
    """At least three cells whose output nbval compares, each with a text to compare it with."""
    checked = [
        cell
        for cell in code_cells(notebook)
        if "nbval-check-output" in cell.metadata.get("tags", [])
    ]
    if len(checked) < 3:
        yield f"{len(checked)} cells with nbval-check-output, wanted 3"
    for cell in checked:
        texts = [
            output.get("text", "") or output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        ]
        if not "".join(texts).strip():
            yield f"a cell with nbval-check-output has no text to compare: {start_of(cell)}"


def check_metadata(notebook, name):
    """Kernel python3, and a cell id that stays the same."""
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) != len(ids):
        yield "cells without an id of their own"


def trees(notebook):
    """Yield (cell, syntax tree) of each code cell that is Python, without IPython's own lines."""
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if not re.match(r"\s*[%!]", line)]
        try:
            yield cell, ast.parse("\n".join(lines))
        except SyntaxError:
            continue  # check_code complains


def is_tf_function(node):
    """Tell whether an expression is tf.function, function from tensorflow, or a call of either."""
    node = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(node) in ("tf.function", "tensorflow.function", "function")


def compiled_globals(tree):
    """Yield the steps that a cell compiles outside of any function: they keep the old model."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield from (node.name for decorator in node.decorator_list if is_tf_function(decorator))
        else:
            calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
            yield from (ast.unparse(call) for call in calls if is_tf_function(call))


def check_code(notebook, name):
    """All code is Python, in short lines, and does nothing that the project's rules forbid."""
    for cell in code_cells(notebook):
        start = start_of(cell)
        if re.search(r"^\s*[!%]\s*(pip|conda|run)\b", cell.source, flags=re.MULTILINE):
            yield f"a cell installs packages or runs another notebook: {start}"
        if re.search(r"\bTODO\b|\bFIXME\b", cell.source):
            yield f"a cell is unfinished: {start}"
        if any(len(line) > LONGEST_LINE for line in cell.source.splitlines()):
            yield f"a line of code is longer than {LONGEST_LINE} letters: {start}"
        if ABSOLUTE_PATH.search(cell.source):
            yield f"a cell has an absolute path: {start}"
    parsed = list(trees(notebook))
    if len(parsed) != len(code_cells(notebook)):
        yield "a cell is no Python"
    for cell, tree in parsed:
        for step in compiled_globals(tree):
            yield f"{step} is compiled over globals and would train the old model; use a factory"
        for node in ast.walk(tree):
            pickles = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
            if pickles and ast.unparse(node.value) != "False":
                yield f"a cell unpickles: {start_of(cell)}"
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".show"):
                yield f"a cell calls show(): {start_of(cell)}"


def check_figures(notebook, name):
    """A figure is followed by a sentence that says what to see in it."""
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None]):
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        shown = not kinds.isdisjoint(PICTURES)
        said = after.source.strip() if after is not None and after.cell_type == "markdown" else ""
        if shown and not re.match(r"[^#\W].*\w+\W+\w+", said):
            yield f"no sentence after the figure of {start_of(cell)}"


def names_in(tree, context):
    """Return the names that a syntax tree stores (ast.Store) or reads (ast.Load)."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return {node.id for node in names if isinstance(node.ctx, context)}


def check_parameters(notebook, name):
    """Each parameter of the cell after '## Parameters' is used by the code of a later cell."""
    cells = notebook.cells
    at = [
        n
        for n, cell in enumerate(cells)
        if cell.cell_type == "markdown" and "\n## Parameters" in "\n" + cell.source
    ]
    if not at or cells[at[0] + 1].cell_type != "code":
        yield "no code cell after the heading Parameters"
        return
    code = list(trees(notebook))
    place = [cell["id"] for cell, _ in code].index(cells[at[0] + 1]["id"])
    names = names_in(code[place][1], ast.Store)
    used = {name for _, tree in code[place + 1 :] for name in names_in(tree, ast.Load)}
    if not names:
        yield "the Parameters cell sets nothing"
    yield from (f"parameter {name} is never used" for name in sorted(names - used))


def check_record(notebook, name):
    """The chapter records its numbers under its own name."""
    nodes = [node for _, tree in trees(notebook) for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    records = [call for call in calls if ast.unparse(call.func) == "record" and call.args]
    if not any(ast.unparse(call.args[0]) == repr(name) for call in records):
        yield f'no record("{name}", ...)'


def check_links(notebook, name, folder=FOLDER):
    """Links to files lead to files."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#:]+)[)#]|src=[\"']([^\"':]+)[\"']", cell.source):
                if not (folder / "".join(target)).exists():
                    yield f"a link to {''.join(target)}, which is not there"


def check_helpers_only(notebook, name):
    """From the project a notebook imports `helpers` only."""
    own = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"helpers"}
    for _, tree in trees(notebook):
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (f"imports {name}" for name in modules if name.partition(".")[0] in own)


def check_set_up(notebook, name):
    """Who opens a notebook alone sees, above the line at which Python stops, what to do."""
    if NOT_FOUND not in code_cells(notebook)[0].source:
        yield "the first code cell does not say, above its helpers, what to do without them"


def check_training_cells(notebook, name):
    """A loop of training, with the function around it, is short, and so is its cell."""
    for cell, tree in trees(notebook):
        for node in tree.body:
            loops = [part for part in ast.walk(node) if isinstance(part, ast.For)]
            if not any("run.batches(" in ast.unparse(loop.iter) for loop in loops):
                continue
            if (lines := len(ast.unparse(node).splitlines())) > LONGEST_TRAINING:
                yield f"a training of {lines} lines, wanted {LONGEST_TRAINING}: {start_of(cell)}"
            if (lines := len(lines_of(cell))) > LONGEST_TRAINING_CELL:
                wanted = f"wanted {LONGEST_TRAINING_CELL}"
                yield f"a training cell of {lines} lines, {wanted}: {start_of(cell)}"


SOURCE_OF_ALL = [
    check_metadata,
    check_code,
    check_helpers_only,
    check_longest,
    check_set_up,
    check_training_cells,
]
SOURCE_OF_LESSONS = [*SOURCE_OF_ALL, check_sizes, check_parameters, check_record]
SOURCE_OF_CHAPTERS = [*SOURCE_OF_LESSONS, check_sections, check_links]
OUTPUTS_OF_ALL = [check_outputs, check_checked_cells]
OUTPUTS_OF_LESSONS = [*OUTPUTS_OF_ALL, check_title, check_figures]
CHAPTER = SOURCE_OF_CHAPTERS + OUTPUTS_OF_LESSONS


def complaints(notebook, name, rules):
    return [f"{rule.__name__}: {text}" for rule in rules for text in rule(notebook, name)]
