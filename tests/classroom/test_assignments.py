"""Each assignment: what is released, what right, missing and wrong answers earn, the feedback."""

import csv
import json
import re

import nbformat
import pytest

from tools.classroom.checks import BEGIN, NoAnswer, near, run_cells, same
from tools.classroom.course import assignments, is_autograded, nbgrader_of
from tools.classroom.release import points_of
from tools.classroom.sandbox import Sandbox, kind_of_walls
from tools.classroom.trial import submissions as classroom
from tools.classroom.trial.wrong_answers import WRONG

NAMES = assignments()
pytestmark = pytest.mark.xdist_group("test_assignments")  # the class is graded once, by one worker
SCRIPT = "A word. <script>document.title = 'spoilt'</script> <img src=x onerror='spoilt()'>"


@pytest.fixture(scope="module", params=NAMES)
def graded(request, tmp_path_factory):
    """The folder of a class in which five students have handed in one assignment."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    done = classroom.run_tool("release", folder, name[:2])
    assert done.returncode == 0, done.stdout + done.stderr
    answers = {"ada": "right", "none": "none"}
    for number, wrong in enumerate(WRONG[name], 1):
        answers[f"wrong{number}"] = {cell: source for cell, (source, _) in wrong.items()}
    for student, given in answers.items():
        notebook = classroom.submission(folder, name, student, given)
        notebook.cells.insert(2, nbformat.v4.new_markdown_cell(SCRIPT))
        classroom.hand_in(folder, name, student, notebook)
    done = classroom.run_tool("grade", folder, name[:2])
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout
    done = classroom.run_tool("feedback", folder, name[:2])
    assert done.returncode == 0, done.stdout + done.stderr
    return name, folder, table


def result_of(graded, student):
    name, folder, _ = graded
    return json.loads((folder / "results" / name / f"{student}.json").read_text())


def marks(graded, student):
    found = result_of(graded, student)["marks"]
    return {test: mark["earned"] for test, mark in found.items()}


def released(graded):
    name, folder, _ = graded
    return nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_has_100_points_and_five_to_eight_tasks(name):
    source = classroom.source_of(name)
    tests, by_hand = points_of(source)
    assert tests + by_hand == 100 and by_hand > 0
    tasks = [cell for cell in source.cells if cell.source.startswith("## Task ")]
    assert 5 <= len(tasks) <= 8
    ids = [nbgrader_of(cell)["grade_id"] for cell in source.cells if nbgrader_of(cell)]
    assert len(set(ids)) == len(ids)
    assert not any(cell.get("outputs") for cell in source.cells)


@pytest.mark.parametrize("name", NAMES)
def test_visible_tests_accept_the_solutions_and_say_nothing_on_stderr(name):
    source = classroom.source_of(name)
    cells = [cell for cell in source.cells if cell.cell_type == "code"]
    texts = {number: cell.source.partition(BEGIN)[0] for number, cell in enumerate(cells)}
    with Sandbox(kind_of_walls()) as sandbox:
        outputs = run_cells(sandbox, texts)
    for number, cell in enumerate(cells):
        found = outputs[str(number)]
        assert not [output for output in found if output["output_type"] == "error"], found
        if is_autograded(cell):
            assert found and not [output for output in found if output.get("name") == "stderr"]


def test_what_is_released_holds_no_solution(graded):
    secret = classroom.solution_lines(graded[0])
    assert len(secret) > 40
    text = "\n".join(cell.source for cell in released(graded).cells)
    assert not [line for line in secret if line in text]


def test_feedback_holds_no_solution_but_every_sentence(graded):
    """Also of those who had the wrong answers; the sentences are the only lines of the tests."""
    name, folder, _ = graded
    secret = classroom.solution_lines(name)
    for student in ("none", "wrong1"):
        page = (folder / "feedback" / student / name / f"{name}.html").read_text()
        found = [line for line in secret if line in page and line.count('"') < 2]
        assert not found and "BEGIN HIDDEN" not in page
        for mark in result_of(graded, student)["marks"].values():
            assert mark["text"].split("points. ")[1][:20] in page


def test_no_answer_earns_nothing_and_the_solution_everything(graded):
    tests, by_hand = points_of(released(graded))
    assert set(marks(graded, "none").values()) == {0}
    assert sum(marks(graded, "ada").values()) == tests
    assert (gradebook_of(graded, "ada"), gradebook_of(graded, "none")) == (tests, 0)
    assert re.search(rf"\nada +{tests:g} +{by_hand:g} wait ", graded[2])
    assert re.search(r"\nnone +0 +- ", graded[2])


def gradebook_of(graded, student):
    """Return the points that are in the gradebook."""
    with (graded[1] / "grades.csv").open() as file:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    return rows[student]


def test_feedback_runs_no_script_of_a_student(graded):
    name, folder, _ = graded
    page = (folder / "feedback/none" / name / f"{name}.html").read_text()
    assert "A word." in page
    assert not re.search(r"<script>document|<img[^>]*onerror", page)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_wrong_solutions_earn_what_they_deserve(graded, number):
    wrong = WRONG[graded[0]][number - 1]
    wanted = {cell.replace("answer", "test"): points for cell, (_, points) in wrong.items()}
    assert marks(graded, f"wrong{number}") == wanted
    assert gradebook_of(graded, f"wrong{number}") == sum(wanted.values())


def test_the_parts_of_each_test_have_its_points(graded):
    for student in ("ada", "none"):
        for mark in result_of(graded, student)["marks"].values():
            parts = [line.split(" of ")[1] for line in mark["text"].splitlines()]
            assert sum(float(part.split()[0]) for part in parts) == mark["points"]


def test_a_notebook_is_graded_in_20_seconds(graded):
    """The limit holds for the reference machine; here it may be slow, and two run at a time."""
    assert result_of(graded, "ada")["seconds"] < 90


@pytest.mark.parametrize(
    "got, wanted, right",
    [
        (1.0, 1.0, True),
        ([1.0], 1.0, True),
        ([1.0], [1.0, 1.0], False),
        (True, 2, False),
        ("x", 1.0, False),
        (None, 1.0, False),
        (float("nan"), 1.0, False),
        (NoAnswer(), 0.0, False),
        ([[1], [2, 3]], 1.0, False),
        (float("inf"), float("inf"), True),
    ],
)
def test_numbers_are_compared(got, wanted, right):
    assert near(got, wanted) is right


@pytest.mark.parametrize(
    "got, wanted, right",
    [
        (" Chase", "chase", True),
        (3, 3, True),
        (3, 4, False),
        ("3", 3, False),
        (None, "chase", False),
        (NoAnswer(), 1, False),
    ],
)
def test_words_and_whole_numbers_are_compared(got, wanted, right):
    assert same(got, wanted) is right
