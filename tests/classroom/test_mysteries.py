"""The mystery trainings of the assignments: their numbers were played, and can be told apart."""

import nbformat
import numpy as np
import pytest

from tools.classroom.checks import hidden_part, load_source
from tools.classroom.course import nbgrader_of, source_path

MYSTERIES = {"04_dcgan": "7"}  # number of the task


def cell_of(assignment, name):
    cells = nbformat.read(source_path(assignment), as_version=4).cells
    return next(cell for cell in cells if nbgrader_of(cell).get("grade_id") == name)


@pytest.fixture(scope="module", params=MYSTERIES.items(), ids=MYSTERIES.keys())
def mystery(request):
    """The released definitions, the hidden names, and the solution of a mystery."""
    assignment, task = request.param
    hidden = {"np": np}
    exec(hidden_part(cell_of(assignment, f"test-{task}")), hidden)
    solution = cell_of(assignment, f"answer-{task}").source
    return load_source(assignment)[0], hidden, solution


def cases_of(expected, number):
    """Return the runs of each case: of as many students as it takes to see them all."""
    cases = dict(expected.my_case(f"student {count}") for count in range(20 * number))
    return [cases[at] for at in range(number)]


def test_the_numbers_are_those_of_the_stated_simulation(mystery):
    expected, hidden, _ = mystery
    orders, played = hidden["record"]()
    stored = cases_of(expected, len(hidden["TRUTH"]))
    np.testing.assert_allclose(stored, played, atol=2e-3, rtol=2e-3)
    assert [" / ".join(order) for order in orders] == hidden["TRUTH"]


def test_each_case_can_be_told_apart(mystery):
    expected, hidden, solution = mystery
    for runs, truth in zip(cases_of(expected, len(hidden["TRUTH"])), hidden["TRUTH"]):
        scope = {"np": np, "runs": runs}
        exec(solution, scope)
        assert " / ".join(scope["my_runs"].values()) == truth


def test_each_story_stands_at_each_letter(mystery):
    """So no letter is a good guess."""
    names = np.array([truth.split(" / ") for truth in mystery[1]["TRUTH"]])
    assert all(len(set(column)) == 4 for column in names.T)
