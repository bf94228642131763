"""The nbgrader course: where its folders are, and nbgrader's own commands on it.

COURSE_CLASS_DIR names the folder of a class: submitted/, gradebook.db and all that is made. Without
it, this is `notebooks/assignments`. The sources stay where they are.
"""

import logging
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.plugins import CsvExportPlugin
from sqlalchemy.exc import SAWarning
from traitlets.config import PyFileConfigLoader

from helpers.course import ROOT
from tools.notebooks.execution import FOLDER

ASSIGNMENTS = FOLDER / "assignments"
SOURCE = ASSIGNMENTS / "source"


def class_folder() -> Path:
    """Return the folder of the class."""
    return ROOT / os.path.expanduser(os.environ.get("COURSE_CLASS_DIR") or ASSIGNMENTS)


def assignments(wanted: str = "") -> list[str]:
    """Return the names of the assignments, or the one of a chapter. SystemExit: there is none."""
    names = sorted(path.parent.name for path in SOURCE.glob("*/*.ipynb"))
    chosen = [name for name in names if not wanted or name.startswith(f"{wanted}_")]
    if not chosen or not re.fullmatch(r"(\d\d)?", wanted):
        there = ", ".join(name[:2] for name in names)
        sys.exit(f"CHAPTER is {wanted!r}, but there are assignments for the chapters: {there}.")
    return chosen


def source_path(assignment: str) -> Path:
    return SOURCE / assignment / f"{assignment}.ipynb"


def notebook_path(step: str, assignment: str, student: str = ".") -> Path:
    """Return the path of a notebook in one of nbgrader's folders, such as "release"."""
    return class_folder() / step / student / assignment / f"{assignment}.ipynb"


def nbgrader_of(name: NotebookNode) -> dict:
    """Return nbgrader's metadata of a cell, or an empty dict."""
    return name.metadata.get("nbgrader", {})


def is_autograded(cell: NotebookNode) -> bool:
    """Tell whether a cell of the source is a test that has points."""
    marks = nbgrader_of(cell)
    return bool(marks.get("grade")) and not marks.get("solution")


class Course:
    """nbgrader's commands. Each raises a RuntimeError with nbgrader's log if it fails."""

    def __init__(self):
        # nbgrader starts the program alembic, without its path.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        logging.getLogger("traitlets").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own way to ask
        class_folder().mkdir(parents=True, exist_ok=True)
        config = PyFileConfigLoader("nbgrader_config.py", path=str(ASSIGNMENTS)).load_config()
        self.api = NbGraderAPI(config=config)
        self.api.log_level = logging.CRITICAL

    def gradebook(self) -> Gradebook:
        return Gradebook(self.api.coursedir.db_url, self.api.coursedir.course_id)

    def release(self, assignment: str) -> NotebookNode:
        """Make the notebook that students get."""
        finish(self.api.generate_assignment(assignment, force=True, create=True))
        return nbformat.read(notebook_path("release", assignment), as_version=4)

    def write_marks(self, assignment: str, student: str) -> None:
        """Put the marks of `PutMarks` into the gradebook, and make the notebook in autograded/."""
        directory = self.api.coursedir.submitted_directory
        self.api.coursedir.submitted_directory = "checked"
        try:
            finish(self.api.autograde(assignment, student, force=True, create=True))
        finally:
            self.api.coursedir.submitted_directory = directory

    def feedback(self, assignment: str, student: str) -> None:
        finish(self.api.generate_feedback(assignment, student, force=True))

    def write_csv(self) -> Path:
        """Write all grades to grades.csv."""
        path = class_folder() / "grades.csv"
        plugin = CsvExportPlugin()
        plugin.to = str(path)
        with self.gradebook() as book:
            plugin.export(book)
        return path


def finish(result: dict[str, Any]) -> None:
    if not result["success"]:
        raise RuntimeError(result.get("error") or result.get("log"))
