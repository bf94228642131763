"""Made-up submissions: right, unsolved, wrong and hostile ones, for tests and a benchmark."""

import copy
import os
import re
import subprocess
import sys

import nbformat
from nbformat.v4 import new_code_cell

from helpers.course import ROOT

SOURCE = ROOT / "notebooks/assignments/source"
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)\s*### END SOLUTION", re.DOTALL)


def source_of(assignment):
    return nbformat.read(SOURCE / assignment / f"{assignment}.ipynb", as_version=4)


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def command(tool, folder, chapter="", **variables):
    """Return (command, options) that run a tool of the classroom on the folder of a class."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    env |= {"COURSE_CLASS_DIR": str(folder), "PYTHONPATH": str(ROOT), **variables}
    words = [sys.executable, "-m", f"tools.classroom.{tool}", *filter(None, [chapter])]
    return words, {"cwd": ROOT, "env": env, "text": True}


def run_tool(tool, folder, chapter="", **variables):
    words, options = command(tool, folder, chapter, **variables)
    return subprocess.run(words, capture_output=True, **options)


def submission(folder, assignment, student, answers="none", name=None):
    """Return a released notebook with a name and answers.

    Args:
        answers: "none", "right" (those of the source), or {cell: source} over the right ones.
    """
    path = folder / "release" / assignment / f"{assignment}.ipynb"
    notebook = copy.deepcopy(nbformat.read(path, as_version=4))
    right = {name_of(cell): cell.source for cell in source_of(assignment).cells}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.source.startswith("STUDENT"):
            cell.source = f"STUDENT = {name or student!r}"
        elif marks.get("solution") and answers != "none":
            given = {} if answers == "right" else answers
            own = right[name_of(cell)] if cell.cell_type == "code" else "An answer in words."
            cell.source = given.get(name_of(cell), own)
    return notebook


def hand_in(folder, assignment, student, notebook):
    """Write a notebook, or a text or bytes in its place, to submitted/. Return its path."""
    path = folder / "submitted" / student / assignment / f"{assignment}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(notebook, str):
        path.write_text(notebook, encoding="utf-8")
    else:
        nbformat.write(notebook, path)
    return path


def with_code(notebook, code, at=1):
    """Put a cell into a notebook: behind the title, by default."""
    notebook.cells.insert(at, new_code_cell(code))
    return notebook


def solution_lines(assignment):
    """Return the lines that only solutions and hidden tests of a source have."""
    secret, public = set(), set()
    for cell in source_of(assignment).cells:
        hidden = cell.source.partition("### BEGIN HIDDEN TESTS")[2]
        blocks = [*SOLUTION.findall(cell.source), hidden.partition("### END")[0]]
        rest = SOLUTION.sub("", cell.source).replace(hidden, "")
        secret |= {line.strip() for block in blocks for line in block.splitlines()}
        public |= {line.strip() for line in rest.splitlines()}
    return {line for line in secret - public if len(line) > 15}


# What a student may write who means harm, {name: code of a cell}. The tasks are not answered.
ATTACKS = {
    "equal": """
class Yes:
    __eq__ = __ne__ = __lt__ = __gt__ = __bool__ = lambda *_: True
    __array__ = lambda *_, **__: np.zeros(0)
    def __getattr__(self, name): return Yes()
""",
    "transformer": "get_ipython().input_transformers_cleanup.append(lambda lines: [])",
    "testing": """
import builtins, numpy
numpy.testing.assert_allclose = numpy.testing.assert_array_equal = lambda *_, **__: None
numpy.allclose = numpy.isclose = numpy.array_equal = builtins.all = lambda *_, **__: True
""",
    "exit": "import os\nos._exit(0)",
    "loop": """
import time
while True:
    try:
        time.sleep(1)
    except BaseException:
        pass
""",
    "memory": """
import os, time
for _ in range(4):
    if not os.fork():
        hog = bytearray(b"1") * 10**9
        time.sleep(99)
time.sleep(99)
""",
    "reader": """
import os
SECRET = (".ipynb", "gradebook.db", "grades.csv", "_report.csv", "_answers.py", "timestamp.txt")
for folder, _, files in os.walk("/"):
    for file in files:
        if "site-packages" not in folder and file.endswith(SECRET):
            print("FOUND", folder, file)
""",
    "writer": """
from pathlib import Path
for place in PLACES:
    try:
        Path(place).write_text("spoilt")
        print("WROTE", place)
    except OSError:
        pass
""",
    "printer": """
import os
for _ in range(2_000):
    print("x" * 100_000)
    os.write(1, b"x" * 100_000)
""",
    "fork bomb": """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    "thread": """
import threading, time, __main__
def later():
    while True:
        time.sleep(0.01)
        for name in ("my_bits", "my_unseen_bits", "share_right", "odd_one", "my_s"):
            get_ipython().user_ns[name] = True
        for module in (__main__, __import__("sys").modules["__main__"]):
            module.encode = lambda value: True
threading.Thread(target=later, daemon=True).start()
""",
    "pipes": """
import json, os, struct
LIE = {"dtype": "|O", "shape": [1 << 60], "data": ""}
for number in range(3, 30):
    for message in ({"answer": True}, {"outputs": [], "answer": LIE}):
        raw = json.dumps(message).encode()
        try:
            os.write(number, (struct.pack(">Q", len(raw)) + raw) * 30 + struct.pack(">Q", 1 << 62))
        except OSError:
            pass
""",
}
CLUMSY = ("twice", "deleted", "replaced", "metadata", "kernel", "outputs")


def grade_cell(notebook, name):
    return next(cell for cell in notebook.cells if name_of(cell) == name)


def spoil(notebook, how):
    """Change a right notebook as people do who mean no harm."""
    test = grade_cell(notebook, "test-2")
    answer = grade_cell(notebook, "answer-3")
    at = notebook.cells.index(test)
    if how == "twice":
        notebook.cells.insert(at, nbformat.from_dict({**test, "id": "copy"}))
        wrong = nbformat.from_dict({**answer, "id": "copy-2", "source": "smoothed = None"})
        notebook.cells.insert(at, wrong)  # the last one counts
    elif how == "deleted":
        notebook.cells.pop(at)
    elif how == "replaced":
        test.source = "print('all tests passed')"
    elif how == "metadata":
        test.metadata = {}
        answer.metadata["nbgrader"]["points"] = 500
        answer.metadata["nbgrader"]["grade"] = True
    elif how == "kernel":
        notebook.metadata["kernelspec"] = {"name": "julia", "display_name": "Julia"}
    elif how == "outputs":
        test.outputs = [nbformat.v4.new_output("stream", text="x" * 30_000_000)]
    return notebook


def attack(folder, assignment, student, kind, places=()):
    """Return a notebook that has one of `ATTACKS` in its first cell, and no answer but this.

    Args:
        places: files that the attack "writer" tries to write to.
    """
    answers = answers_of_equal(assignment) if kind == "equal" else "none"
    code = f"PLACES = {list(map(str, places))!r}\n" if kind == "writer" else ""
    notebook = submission(folder, assignment, student, answers)
    return with_code(notebook, code + ATTACKS[kind], at=3)


def answers_of_equal(assignment):
    """Return, for each cell of answers, code that gives each of its names to `Yes`."""
    answers = {}
    for cell in source_of(assignment).cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            functions = re.findall(r"^def (\w+)", cell.source, re.MULTILINE)
            values = re.findall(r"\bmy_\w+|\bshare_right\b|\bodd_one\b", cell.source)
            lines = [f"{name} = lambda *_: Yes()" for name in functions]
            answers[name_of(cell)] = "\n".join(lines + [f"{name} = Yes()" for name in set(values)])
    return answers
