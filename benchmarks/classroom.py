"""Grade a class of made-up students with one command: does each get the grade that was planned?

    python -m benchmarks.classroom [students]

By default 100 students: ten hand in the assignment of chapter 01, the next ten that of chapter 03,
and so on. Of ten, three are right, three have wrong answers, one has answered nothing, one is right
but damaged, one cannot be read, and one attacks the grader. Printed are each grade that is not the
planned one, the seconds of `make release` and `make grade`, how many repairs and notes the reports
have, and how fast the machine is. Nothing is kept.
"""

import csv
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers.course import machine_gflops
from tools.classroom.trial import submissions as trial
from tools.classroom.trial.wrong_answers import WRONG

BROKEN = ("", '{"cells": [', "[1, 2]")
KINDS = ("right", "wrong", "attack", "damaged", "unreadable", "no answer")
KINDS += ("right", "right", "wrong", "wrong")
ALL = 85  # points of the tests of each assignment


def hand_in_class(folder: Path, count: int) -> dict[tuple[str, str], float]:
    """Hand in all notebooks. Return {(assignment, student): points that are planned}."""
    planned = {}
    attacks, clumsy, broken, mistakes = map(
        itertools.cycle, (trial.ATTACKS, trial.CLUMSY, BROKEN, range(3))
    )
    for number in range(count):
        name, kind = list(WRONG)[number // 10 % len(WRONG)], KINDS[number % 10]
        student, points = f"student{number:03d}", ALL if kind in ("right", "damaged") else 0
        answers = "right" if points else "none"
        if kind == "wrong":
            wrong = WRONG[name][next(mistakes)]
            answers = {cell: source for cell, (source, _) in wrong.items()}
            points = sum(worth for _, worth in wrong.values())
        notebook = trial.submission(folder, name, student, answers)
        if kind == "damaged":
            notebook = trial.spoil(notebook, next(clumsy))
        elif kind == "unreadable":
            notebook = next(broken)
        elif kind == "attack":
            notebook = trial.attack(folder, name, student, next(attacks))
        trial.hand_in(folder, name, student, notebook)
        planned[name, student] = points
    return planned


def timed(tool: str, folder: Path) -> float:
    """Run a tool of the classroom, show what it says, and return its seconds."""
    words, options = trial.command(tool, folder)
    began = time.monotonic()
    subprocess.run(words, check=True, **options)
    return time.monotonic() - began


def main(count: int) -> None:
    gflops = machine_gflops()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        release = timed("release", folder)
        planned = hand_in_class(folder, count)
        grading = timed("grade", folder)
        with (folder / "grades.csv").open() as file:
            rows = {(row["assignment"], row["student_id"]): row for row in csv.DictReader(file)}
        reports = [path.read_text() for path in (folder / "results").glob("*_report.csv")]
    wrong = {key: points for key, points in planned.items() if float(rows[key]["score"]) != points}
    for (name, student), points in wrong.items():
        print(f"{name}, {student}: {rows[name, student]['score']} points, planned {points:g}")
    print(f"{count} students, {len(wrong)} grades not as planned.")
    print(f"Release: {release:.0f} s. Grading: {grading:.0f} s, {grading / count:.1f} s a student.")
    print(f"Repairs and notes: {sum(text.count(chr(10)) - 1 for text in reports)}.")
    print(f"machine_gflops: {gflops:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
