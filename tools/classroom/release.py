"""Make the notebooks that students get: without solutions and hidden tests.

    python -m tools.classroom.release [chapter]

They lie in release/ of the class, see `course`, and each one in a folder of its own.
"""

import sys

from nbformat import NotebookNode

from tools.classroom.course import (
    Course,
    assignments,
    class_folder,
    is_autograded,
    nbgrader_of,
    notebook_path,
)

FORBIDDEN = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN", "def check(")


def points_of(notebook: NotebookNode) -> tuple[float, float]:
    """Return the points of the tests, and those that a person gives."""
    graded = [cell for cell in notebook.cells if nbgrader_of(cell).get("grade")]
    tests = sum(nbgrader_of(cell)["points"] for cell in graded if is_autograded(cell))
    return tests, sum(nbgrader_of(cell)["points"] for cell in graded) - tests


def main(wanted: str = "") -> None:
    course, rows = Course(), []
    for assignment in assignments(wanted):
        print(f"{assignment} ...", flush=True)
        notebook = course.release(assignment)
        text = "\n".join(cell.source for cell in notebook.cells)
        if left := [words for words in FORBIDDEN if words in text]:
            notebook_path("release", assignment).unlink()
            sys.exit(f"{assignment} is not released: its notebook still has {', '.join(left)}.")
        rows.append((assignment, *points_of(notebook)))
    print(f"\n{'assignment':<28}{'tests':>8}{'by hand':>9}{'points':>8}")
    for assignment, tests, by_hand in rows:
        print(f"{assignment:<28}{tests:>8g}{by_hand:>9g}{tests + by_hand:>8g}")
    print(f"\nGive out the folders in '{class_folder() / 'release'}'.")


if __name__ == "__main__":
    main(*sys.argv[1:])
