"""A class of honest, clumsy and hostile students, graded in one command that is killed once.

No attack earns a point, none stops the others, and each repair stands in the report.
"""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from helpers.course import ROOT
from tools.classroom.sandbox import WALLS, kind_of_walls
from tools.classroom.trial import submissions as classroom

NAME = "01_probabilistic_model"
pytestmark = pytest.mark.xdist_group("test_hostile")  # the class is graded once, by one worker
ALL = 85  # points of the tests
LIMITS = {"COURSE_NOTEBOOK_SECONDS": "30"}
UNREADABLE = ("empty", "no json", "no notebook", "link")
CLUMSY = (*classroom.CLUMSY, "renamed", "calm")
ENDED = ("exit", "loop", "memory", "fork bomb")  # attacks that end their own process


def fill(folder):
    """Hand in all notebooks. Return the places that an attack tries to write to."""
    places = [folder / "grades.csv", folder / "gradebook.db", classroom.SOURCE / NAME / "x.ipynb"]
    places += [ROOT / "helpers/spoilt.py", folder.parent / "spoilt"]
    made = {"right": classroom.submission(folder, NAME, "right", "right")}
    for how in CLUMSY:
        made[how] = classroom.spoil(classroom.submission(folder, NAME, how, "right"), how)
    for attack in classroom.ATTACKS:
        made[attack] = classroom.attack(folder, NAME, attack, attack, places)
    made |= {"empty": "", "no json": '{"cells": [', "no notebook": "[1, 2]"}
    made["copy"] = classroom.submission(folder, NAME, "copy", "right", name="right")
    made["half"] = classroom.with_code(made_copy(folder, "half"), "raise ValueError('oh')", at=8)
    for student, notebook in made.items():
        path = classroom.hand_in(folder, NAME, student, notebook)
        if student == "renamed":
            path.rename(path.with_name("my homework (2).ipynb"))
    link = folder / "submitted/link" / NAME / f"{NAME}.ipynb"
    link.parent.mkdir(parents=True)
    link.symlink_to(classroom.SOURCE / NAME / f"{NAME}.ipynb")
    return [*made, "link"], places


def made_copy(folder, student):
    return classroom.submission(folder, NAME, student, "right")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Grade, kill the grader when some marks are written, and grade again."""
    folder = tmp_path_factory.mktemp("hostile")
    done = classroom.run_tool("release", folder, "01")
    assert done.returncode == 0, done.stdout + done.stderr
    students, places = fill(folder)
    before = {path: path.read_bytes() for path in classroom.SOURCE.rglob("*.ipynb")}
    words, options = classroom.command("grade", folder, "01", **LIMITS)
    grader = subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True, **options)
    written = lambda: [path for path in results(folder) if json.loads(path.read_text())["written"]]
    ends = time.monotonic() + 300
    while len(written()) < 5 and grader.poll() is None and time.monotonic() < ends:
        time.sleep(0.2)
    os.kill(grader.pid, signal.SIGKILL)
    assert grader.wait() == -signal.SIGKILL, "it was to be killed in the middle"
    first = {path.stem: path.stat().st_mtime_ns for path in written()}
    done = classroom.run_tool("grade", folder, "01", **LIMITS)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        "folder": folder,
        "students": students,
        "places": places,
        "before": before,
        "first": first,
        "said": done.stdout,
    }


def results(folder):
    return sorted((folder / "results" / NAME).glob("*.json"))


def result_of(graded, student):
    return json.loads((graded["folder"] / "results" / NAME / f"{student}.json").read_text())


def points(graded, student):
    return sum(mark["earned"] for mark in result_of(graded, student)["marks"].values())


def grades(graded):
    with (graded["folder"] / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("attack", [*classroom.ATTACKS, *UNREADABLE])
def test_an_attack_earns_nothing(graded, attack):
    assert points(graded, attack) == 0 == grades(graded)[attack]


@pytest.mark.parametrize("student", ["right", *CLUMSY])
def test_right_answers_earn_all_points_whatever_the_others_do(graded, student):
    assert points(graded, student) == ALL == grades(graded)[student]


def test_an_error_in_one_cell_costs_nothing_elsewhere(graded):
    assert points(graded, "half") == ALL


def test_a_copy_of_another_notebook_earns_no_points_for_numbers(graded):
    assert points(graded, "copy") <= 45 + 15
    assert "STUDENT is 'right' in the notebook" in result_of(graded, "copy")["notes"]


@pytest.mark.parametrize("attack", ENDED)
def test_the_teacher_reads_why_a_process_was_ended(graded, attack):
    assert any("its process" in note for note in result_of(graded, attack)["notes"])


@pytest.mark.parametrize(
    "student, said",
    [
        ("twice", "test-2: it was there twice"),
        ("deleted", "test-2: it was missing"),
        ("replaced", "test-2: the text of a test or a locked cell was restored"),
        ("metadata", "test-2: its metadata was restored"),
        ("kernel", "the kernel was not python3"),
        ("outputs", "its outputs of 30 MB were left out"),
        ("renamed", "the file was named my homework (2).ipynb"),
        ("empty", "UNREADABLE, no answers: the file has 0 bytes"),
        ("link", "UNREADABLE, no answers: it is no plain file"),
        ("no json", "UNREADABLE, no answers: it is no notebook (NotJSONError)"),
    ],
)
def test_each_repair_is_in_the_report(graded, student, said):
    with (graded["folder"] / "results" / f"{NAME}_report.csv").open() as file:
        report = [(row[0], row[1]) for row in csv.reader(file)]
    assert (student, said) in report
    assert not [row for row in report if row[0] in ("right", "calm")]


@pytest.mark.skipif(not kind_of_walls(), reason="this system has no namespaces")
def test_nothing_secret_was_seen_and_nothing_was_written_outside(graded):
    texts = {name: json.dumps(result_of(graded, name)["outputs"]) for name in ("reader", "writer")}
    assert "FOUND" not in texts["reader"] and "WROTE" not in texts["writer"]
    assert result_of(graded, "reader")["outputs"]  # it did run
    *_, helper, outside = graded["places"]
    assert not helper.exists() and not outside.exists()
    for path, raw in graded["before"].items():
        assert path.read_bytes() == raw


def test_what_was_graded_before_the_kill_was_not_graded_again(graded):
    assert 5 <= len(graded["first"]) < len(graded["students"])
    for student, moment in graded["first"].items():
        path = graded["folder"] / "results" / NAME / f"{student}.json"
        assert path.stat().st_mtime_ns == moment
    to_grade = len(graded["students"]) - len(graded["first"])
    assert f"{len(graded['students'])} submissions, {to_grade} to grade" in graded["said"]


def test_the_gradebook_has_each_student_once(graded):
    with sqlite3.connect(graded["folder"] / "gradebook.db") as book:
        found = book.execute("SELECT student_id FROM submitted_assignment").fetchall()
    assert sorted(name for (name,) in found) == sorted(graded["students"])
    assert set(grades(graded)) == set(graded["students"])


def test_a_third_run_grades_nothing_and_a_new_submission_is_graded(graded):
    folder = graded["folder"]
    classroom.hand_in(folder, NAME, "empty", made_copy(folder, "empty"))
    done = classroom.run_tool("grade", folder, "01", **LIMITS)
    assert f"{len(graded['students'])} submissions, 1 to grade" in done.stdout
    assert grades(graded)["empty"] == ALL
    classroom.hand_in(folder, NAME, "empty", "")
    done = classroom.run_tool("grade", folder, "01", **LIMITS)
    assert grades(graded)["empty"] == 0  # else the tests above would depend on their order


def test_no_process_of_a_student_is_left(graded):
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(graded["folder"]) not in found


FULL = """
mount -t tmpfs -o size=8m tmpfs "$1" && cp -r "$2/." "$1" || exit 9
free=$(df -k --output=avail "$1" | tail -1)
head -c $((free * 1024 - 150000)) /dev/zero > "$1/filler"
"$3" -m tools.classroom.grade 01 > /dev/null 2> "$1/../said"
echo $? >> "$1/../said"
rm "$1/filler"
"$3" -m tools.classroom.grade 01 && cat "$1/grades.csv"
"""


@pytest.mark.skipif(not kind_of_walls(), reason="this system has no namespaces")
def test_a_full_disk_stops_the_grading_and_nothing_is_lost(tmp_path):
    """The folder of the class lies on a small disk, which is full after some notebooks."""
    ready, disk = tmp_path / "ready", tmp_path / "disk"
    disk.mkdir()
    assert classroom.run_tool("release", ready, "01").returncode == 0
    for student in "abcdefgh":
        answers = "right" if student in "aceg" else "none"
        notebook = classroom.submission(ready, NAME, student, answers)
        classroom.hand_in(ready, NAME, student, notebook)
    _, options = classroom.command("grade", disk, "01")
    rights = WALLS[kind_of_walls()]
    shell = ["sh", "-c", FULL, "sh", str(disk), str(ready), sys.executable]
    done = subprocess.run(["unshare", *rights, "--mount", *shell], capture_output=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    said = (tmp_path / "said").read_text()
    assert "No space left on device" in said or "disk is full" in said, said
    assert said.endswith("\n1\n")
    rows = csv.DictReader(done.stdout[done.stdout.index("assignment,") :].splitlines())
    found = {row["student_id"]: float(row["score"]) for row in rows}
    assert found == {student: ALL if student in "aceg" else 0 for student in "abcdefgh"}
