"""Ask a student's notebook, and compare its answers in this process, as plain data.

The test cells of a source have a hidden part, which `make release` takes out:

    def check(student, expected, rng):
        counts = rng.integers(1, 9, (2, 3, 4))
        got = student.call("probabilities", counts, 0.5)
        yield 4, near(got, expected.probabilities(counts, 0.5)), "Divide by the sum of each place."

Each yield is (points, whether they are earned, a sentence that helps if not). `expected` has the
functions of the source with their solutions, `rng` is new in each run.
"""

import functools
import linecache
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode

from helpers.course import ROOT, quiet_import
from tools.classroom.course import is_autograded, nbgrader_of, source_path
from tools.classroom.inside import decode, encode
from tools.classroom.sandbox import (
    CELL_SECONDS,
    NOTEBOOK_SECONDS,
    QUESTION_SECONDS,
    Sandbox,
    Stopped,
)
from tools.notebooks.definitions import load_definitions

BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
Check = Callable[["Student", types.ModuleType, np.random.Generator], Iterator[tuple]]
loading = threading.Lock()


class NoAnswer:
    """What a question without an answer gives: it is equal and near to nothing."""


class Student:
    """A student's notebook, as a check sees it."""

    def __init__(self, name: str, sandbox: Sandbox | None):
        self.name = name  # of the folder in submitted/
        self.sandbox = sandbox  # None: its process has ended
        self.problem = ""  # of the last questions
        self.stopped = ""  # why its process has ended

    def call(self, name: str, *args: Any) -> Any:
        """Call a function of the notebook. Numbers, texts, arrays and lists go to and fro."""
        return self.ask({"name": name, "args": encode(list(args))})

    def value(self, name: str) -> Any:
        """Return a variable of the notebook."""
        return self.ask({"name": name})

    def ask(self, question: dict[str, Any]) -> Any:
        if not self.sandbox:
            self.problem = f"Your notebook could not be asked: {self.stopped}."
            return NoAnswer()
        try:
            self.sandbox.send({**question, "seconds": QUESTION_SECONDS})
            said = self.sandbox.receive(QUESTION_SECONDS + 5)
            if "answer" in said:
                return decode(said["answer"])
            error = " ".join(str(said.get("error"))[:300].split())  # a part of a mark is one line
            self.problem = f"`{question['name']}` gave no answer. {error}"
        except Stopped as reason:
            self.sandbox, self.stopped = None, str(reason)
            self.problem = f"`{question['name']}` gave no answer: {reason}."
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MemoryError):
            self.problem = f"The answer of `{question['name']}` is no plain data."
        return NoAnswer()


def near(got: Any, wanted: Any, within: float = 1e-3) -> bool:
    """Tell whether numbers are those that are wanted, in the same shape."""
    try:
        got, wanted = np.asarray(got, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    except (ValueError, TypeError):
        return False
    if not wanted.shape and got.size == 1:
        got = got.reshape(())
    close = got.shape == wanted.shape and np.allclose(got, wanted, rtol=within, atol=within / 100)
    return bool(close)


def same(got: Any, wanted: str | bool | int) -> bool:
    """Tell whether a text, a truth or a whole number is the one that is wanted."""
    if isinstance(wanted, str):
        return isinstance(got, str) and got.strip().lower() == wanted.strip().lower()
    whole = isinstance(got, int | float | np.ndarray) and np.shape(got) == ()
    return whole and isinstance(got, bool) == isinstance(wanted, bool) and bool(got == wanted)


def hidden_part(cell: NotebookNode) -> str:
    """Return what stands between the marks of the hidden tests."""
    return cell.source.partition(BEGIN)[2].partition(END)[0]


def load_checks(path: Path) -> dict[str, tuple[float, Check]]:
    """Return {name of a test cell: (its points, its check)} of a source."""
    found = {}
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if is_autograded(cell):
            scope: dict[str, Any] = {"np": np, "near": near, "same": same}
            text, name = hidden_part(cell), f"{path.name}, test cell {number}"
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), scope)
            marks = nbgrader_of(cell)
            found[marks["grade_id"]] = (float(marks["points"]), scope["check"])
    return found


@functools.cache
def load_source(assignment: str) -> tuple[types.ModuleType, dict[str, tuple[float, Check]]]:
    """Return the definitions of a source with its solutions, and its checks."""
    path = source_path(assignment)
    with quiet_import():
        return load_definitions("", path), load_checks(path)


def run_check(points: float, check: Check, student: Student, expected: types.ModuleType) -> dict:
    """Return {"points", "earned", "text"} of a test cell."""
    if student.stopped:
        text = f"0 of {points:g} points. Your notebook could not be asked: {student.stopped}."
        return {"points": points, "earned": 0.0, "text": text}
    parts, missing = [], points
    student.problem = ""
    try:
        for worth, earned, sentence in check(student, expected, np.random.default_rng()):
            parts.append((worth, worth if earned else 0, "" if earned else sentence))
            missing -= worth
            if student.problem and not earned:
                parts[-1] = (worth, 0, f"{sentence} ({student.problem})")
            student.problem = ""
    except Exception as error:  # an answer of a kind that the check did not expect
        said = student.problem or f"{type(error).__name__} when it was compared."
        parts.append((missing, 0, f"The answer has not the form that was asked for. ({said})"))
    lines = [f"{got:g} of {worth:g} points. {text or 'Right.'}" for worth, got, text in parts]
    earned = float(min(points, sum(got for _, got, _ in parts)))
    return {"points": points, "earned": earned, "text": "\n".join(lines)}


def examine(
    assignment: str,
    student_name: str,
    notebook: NotebookNode,
    walls: str,
    slot: int = 0,
    hidden: Sequence[Path] = (),
) -> dict[str, Any]:
    """Run a repaired notebook alone, ask it, and return its marks.

    Returns:
        {"marks": {test cell: {"points", "earned", "text"}}, "outputs": {number of a cell: outputs},
        "seconds", "notes": what the teacher should know}.
    """
    began = time.monotonic()
    with loading:
        expected, checks = load_source(assignment)
    cells = {
        number: cell.source
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and not is_autograded(cell)
    }
    outputs, marks, notes = {}, {}, []
    with Sandbox(walls, slot, hidden) as sandbox:
        student = Student(student_name, sandbox)
        try:
            outputs = run_cells(sandbox, cells)
        except Stopped as reason:
            student.sandbox, student.stopped = None, str(reason)
        if student.sandbox:
            name = student.value("STUDENT")
            if not same(name, student_name):
                notes.append(f"STUDENT is {str(name)[:40]!r} in the notebook")
        for grade_id, (points, check) in checks.items():
            marks[grade_id] = run_check(points, check, student, expected)
    if student.stopped:
        notes.append(f"its process was ended: {student.stopped}")
    seconds = round(time.monotonic() - began, 1)
    return {"marks": marks, "outputs": outputs, "notes": notes, "seconds": seconds}


def run_cells(sandbox: Sandbox, cells: Mapping[int, str]) -> dict[str, list]:
    """Run all cells, in their order, and return their outputs. Stopped: the process has ended."""
    ends, outputs = time.monotonic() + NOTEBOOK_SECONDS, {}
    job = {"path": str(ROOT), "cells": list(cells.values()), "cell_seconds": CELL_SECONDS}
    sandbox.send(job)
    for number in cells:
        said = sandbox.receive(max(0, ends - time.monotonic()))
        outputs[str(number)] = clean_outputs(said.get("outputs"))
    return outputs


def clean_outputs(found: Any) -> list[dict]:
    """Make outputs of what a student's process says that its outputs are: text and pictures."""
    kept = []
    for output in found if isinstance(found, list) else []:
        output = output if isinstance(output, dict) else {}
        kind, data = output.get("output_type"), output.get("data")
        if kind == "stream" and output.get("name") in ("stdout", "stderr"):
            kept.append({"output_type": kind, "name": output["name"]})
            kept[-1]["text"] = str(output.get("text"))
        elif kind == "error":
            lines = output.get("traceback")
            kept.append({"output_type": kind, "ename": str(output.get("ename"))})
            kept[-1]["evalue"] = str(output.get("evalue"))
            kept[-1]["traceback"] = list(map(str, lines if isinstance(lines, list) else []))
        elif kind == "display_data" and isinstance(data, dict):
            shown = {key: str(data[key]) for key in ("text/plain", "image/png") if key in data}
            kept.append({"output_type": kind, "data": shown, "metadata": {}})
    return kept
