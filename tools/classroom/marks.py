"""What nbgrader runs in place of the student's cells: it shows the marks that the grader gave."""

import json
import re
from pathlib import Path

from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from tools.classroom.course import class_folder, is_autograded, nbgrader_of


def result_path(assignment: str, student: str) -> Path:
    """Return the file in which the grader keeps what it found out about a student."""
    return class_folder() / "results" / assignment / f"{student}.json"


class PutMarks(NbGraderPreprocessor):
    """Give each test cell an output from which nbgrader reads the points, and a reader the reasons.

    No code of a student runs here. Without a result there is an error, and so no mark.
    """

    def preprocess(self, notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names = resources["nbgrader"]
        path = result_path(names["assignment"], names["student"])
        result = json.loads(path.read_text(encoding="utf-8"))  # it is made by: make grade
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and is_autograded(cell):
                mark = result["marks"][nbgrader_of(cell)["grade_id"]]
                points = {"text/plain": repr(mark["earned"])}
                cell.outputs = [new_output("stream", name="stdout", text=mark["text"])]
                cell.outputs += [new_output("execute_result", points, execution_count=None)]
            elif cell.cell_type == "code":
                cell.outputs = [NotebookNode(one) for one in result["outputs"].get(str(number), [])]
        return notebook, resources


class NoScripts(SanitizeHTML):
    """Take scripts out of a student's texts: a teacher's browser would run them."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, index: int
    ) -> tuple[NotebookNode, dict]:
        if cell.cell_type != "code" and re.search(r"<\s*[A-Za-z/!]", cell.source):
            return super().preprocess_cell(cell, resources, index)
        return cell, resources
