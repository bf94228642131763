"""Grade all that was submitted: each notebook alone, in a closed place.

    python -m tools.classroom.grade [chapter]

Notebooks lie in submitted/<student>/<assignment>/ of the class, see `course`. Graded is what is new
or changed, and everything of an assignment whose source has changed, or these tools. It can be
stopped at any moment and started again. COURSE_RUNNERS notebooks run at a time, by default 2; only
this process writes into the gradebook.
"""

import concurrent.futures
import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import queue
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock, Timeout
from nbformat import NotebookNode

from helpers.course import atomic_write
from tools.classroom.checks import examine, load_source
from tools.classroom.course import Course, assignments, class_folder, notebook_path, source_path
from tools.classroom.marks import result_path
from tools.classroom.repair import Unreadable, find_notebook, read_notebook, repair
from tools.classroom.sandbox import describe, kind_of_walls


@dataclasses.dataclass
class Work:
    """A submission that is to be graded."""

    assignment: str
    student: str
    key: str  # changes if the submission, the source or the tools change


def hash_of(*paths: Path) -> str:
    """Return a hash of files; of what is no file, or cannot be read, only its name counts."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.name.encode())
        with contextlib.suppress(PermissionError):
            if path.is_file() and not path.is_symlink():
                found.update(path.read_bytes())
    return found.hexdigest()


def submissions(assignment: str) -> list[Work]:
    """Return all submissions of an assignment, in the order of the students' names."""
    tools = hash_of(source_path(assignment), *sorted(Path(__file__).parent.glob("*.py")))
    found = []
    for folder in sorted(class_folder().glob(f"submitted/*/{assignment}")):
        key = tools + hash_of(*sorted(folder.glob("*.ipynb")), folder / "timestamp.txt")
        found.append(Work(assignment, folder.parent.name, hashlib.sha256(key.encode()).hexdigest()))
    return found


def read_result(work: Work) -> dict[str, Any]:
    """Return what was found out about a submission before, or an empty dict."""
    try:
        result = json.loads(result_path(work.assignment, work.student).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return result if result.get("key") == work.key else {}


def write_result(work: Work, result: dict[str, Any]) -> None:
    with atomic_write(result_path(work.assignment, work.student)) as temporary:
        temporary.write_text(json.dumps(result), encoding="utf-8")


def prepare(work: Work, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Repair a submission, and return it with what was mended. What is unreadable earns nothing."""
    folder = class_folder() / "submitted" / work.student / work.assignment
    try:
        path, mended = find_notebook(folder, work.assignment)
        notebook, more = repair(read_notebook(path), released)
        mended += more
    except (Unreadable, PermissionError) as error:
        notebook, mended = repair(released, released)[0], [f"UNREADABLE, no answers: {error}"]
    with atomic_write(notebook_path("checked", work.assignment, work.student)) as temporary:
        nbformat.write(notebook, temporary)
    stamp = folder / "timestamp.txt"
    if stamp.is_file() and not stamp.is_symlink():
        shutil.copy(stamp, notebook_path("checked", work.assignment, work.student).parent)
    return notebook, mended


def run(work: Work, released: NotebookNode, walls: str, slots: queue.Queue) -> dict[str, Any]:
    """Run one submission, if that has not been done yet, and keep what was found out."""
    result = read_result(work)
    if not result:
        slot = slots.get()
        try:
            notebook, mended = prepare(work, released)
            hidden = [class_folder()]
            result = examine(work.assignment, work.student, notebook, walls, slot, hidden)
        finally:
            slots.put(slot)
        result |= {"key": work.key, "mended": mended, "written": False}
        write_result(work, result)
    return result


def is_done(work: Work, known: set[tuple[str, str]]) -> bool:
    """Tell whether the marks of a submission, as it is now, are in the gradebook."""
    there = notebook_path("autograded", work.assignment, work.student).is_file()
    return there and (work.student, work.assignment) in known and read_result(work).get("written")


def in_gradebook(course: Course) -> set[tuple[str, str]]:
    with course.gradebook() as book:
        return {
            (submission.student.id, assignment.name)
            for assignment in book.assignments
            for submission in assignment.submissions
        }


def release_again(course: Course, assignment: str) -> NotebookNode:
    """Return the released notebook; make it again if the source has changed since."""
    stamp = class_folder() / "results" / assignment / ".source"
    now, path = hash_of(source_path(assignment)), notebook_path("release", assignment)
    with course.gradebook() as book:
        known = assignment in {one.name for one in book.assignments}
    if known and path.is_file() and stamp.is_file() and stamp.read_text() == now:
        return nbformat.read(path, as_version=4)
    try:
        released = course.release(assignment)
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        sys.exit(f"{assignment}: its source has changed in a way that nbgrader refuses. {said}")
    with atomic_write(stamp) as temporary:
        temporary.write_text(now)
    return released


def grade(course: Course, assignment: str, walls: str, runners: int) -> list[dict[str, Any]]:
    """Grade what is to be graded of an assignment. Return a row for each submission."""
    released, works = release_again(course, assignment), submissions(assignment)
    load_source(assignment)
    known = in_gradebook(course)
    to_do = [work for work in works if not is_done(work, known)]
    print(f"{assignment}: {len(works)} submissions, {len(to_do)} to grade.", flush=True)
    slots, failed = queue.Queue(), {}
    for slot in range(runners):
        slots.put(slot)
    with concurrent.futures.ThreadPoolExecutor(runners) as pool:
        jobs = {pool.submit(run, work, released, walls, slots): work for work in to_do}
        for count, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            work = jobs[job]
            try:
                result = job.result()
                course.write_marks(assignment, work.student)
                write_result(work, {**result, "written": True})
                said = f"{earned(result):g} points by tests, {result['seconds']:.0f} s"
            except OSError:  # no space, no rights: this is not the student's
                pool.shutdown(cancel_futures=True)
                raise
            except Exception as error:  # the others must not wait for this one
                failed[work.student] = said = f"NOT GRADED: {str(error).strip()[-300:]}"
            print(f"  {count:>3} of {len(to_do)}  {work.student}: {said}", flush=True)
    return [row_of(work, failed.get(work.student, "")) for work in works]


def earned(result: dict[str, Any]) -> float:
    return sum(mark["earned"] for mark in result["marks"].values())


def row_of(work: Work, failure: str) -> dict[str, Any]:
    result = read_result(work)
    notes = [failure] if failure else []
    notes += [*result.get("mended", ()), *result.get("notes", ())]
    points = earned(result) if result and not failure else None
    seconds = result.get("seconds", 0.0)
    return {
        "assignment": work.assignment,
        "student": work.student,
        "by tests": points,
        "seconds": seconds,
        "notes": notes,
    }


def waiting(course: Course, assignment: str) -> dict[str, float]:
    """Return how many points of each student wait for a person."""
    with course.gradebook() as book:
        return {
            submission.student.id: sum(
                grade.max_score
                for notebook in submission.notebooks
                for grade in notebook.grades
                if grade.needs_manual_grade
            )
            for submission in book.find_assignment(assignment).submissions
        }


def write_report(rows: Sequence[dict[str, Any]], assignment: str) -> Path:
    """Write each repair and each note to a CSV file, a line for each."""
    path = class_folder() / "results" / f"{assignment}_report.csv"
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "what was mended or seen"])
        writer.writerows([row["student"], note] for row in rows for note in row["notes"])
    return path


def print_table(rows: Sequence[dict[str, Any]], by_hand: dict[str, float]) -> None:
    wide = max(12, *(len(row["student"]) + 2 for row in rows))
    print(f"\n{'student':<{wide}}{'by tests':>9}{'by hand':>9}{'seconds':>9}  notes")
    for row in rows:
        points = "-" if row["by tests"] is None else f"{row['by tests']:g}"
        open_points = by_hand.get(row["student"], 0)
        hand = f"{open_points:g} wait" if open_points else "-"
        notes = f"{len(row['notes'])}: {row['notes'][0][:60]}" if row["notes"] else ""
        print(f"{row['student']:<{wide}}{points:>9}{hand:>9}{row['seconds']:>9.1f}  {notes}")


def grade_all(wanted: str = "") -> list[dict[str, Any]]:
    """Grade everything, print tables, and write the reports and grades.csv."""
    runners, walls = int(os.environ.get("COURSE_RUNNERS") or 2), kind_of_walls()
    print(describe(walls), flush=True)
    course, rows, began = Course(), [], time.monotonic()
    for assignment in assignments(wanted):
        if found := grade(course, assignment, walls, runners):
            print_table(found, waiting(course, assignment))
            print(f"\nAll repairs: '{write_report(found, assignment)}'\n")
            rows += found
    print(f"{len(rows)} submissions in {time.monotonic() - began:.0f} s. ", end="")
    print(f"Grades: '{course.write_csv()}'")
    return rows


def main(wanted: str = "") -> None:
    class_folder().mkdir(parents=True, exist_ok=True)
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # for the solutions
    try:
        with FileLock(class_folder() / ".grading.lock", timeout=0):
            rows = grade_all(wanted)
    except Timeout:
        sys.exit("Another `make grade` works in this folder. Wait until it is done.")
    except OSError as error:
        sys.exit(f"Stopped: {error} When the cause is gone, run this again: it goes on from here.")
    sys.exit(any(row["by tests"] is None for row in rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
