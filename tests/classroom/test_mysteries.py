"""What assignments say of trainings is true: mysteries were played, and Keras freezes as taught."""

import keras
import nbformat
import numpy as np
import pytest

from tools.classroom.checks import hidden_part, load_source
from tools.classroom.course import nbgrader_of, source_path

MYSTERIES = {"04_dcgan": "7", "05_keras_fit": "7"}  # number of the task


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
    stored = cases_of(expected, len(hidden["TRUTH"]))
    for number in (0, 5, 11):
        order, played = hidden["record"](number)
        assert " / ".join(order) == hidden["TRUTH"][number]
        np.testing.assert_allclose(stored[number], played, atol=2e-3, rtol=2e-3)


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


def moved_by_keras(program):
    """Run a program of assignment 05, and return which layers moved in each fit."""
    first, second = (keras.layers.Dense(size, kernel_initializer="ones") for size in (3, 1))
    scope = {"keras": keras, "first": first, "second": second}
    scope |= {"x": np.ones((4, 2), np.float32), "y": np.zeros((4, 1), np.float32)}
    first.build((None, 2))
    second.build((None, 3))
    moved = []
    for line in program:
        before = [layer.get_weights() for layer in (first, second)]
        line = line.replace("y)", "y, verbose=0)").replace('"mse")', '"mse", jit_compile=False)')
        exec(line, scope)
        if ".fit" in line:
            after = [layer.get_weights() for layer in (first, second)]
            changed = [not np.array_equal(a[0], b[0]) for a, b in zip(after, before)]
            moved.append({(1, 1): "both", (1, 0): "first", (0, 1): "second"}[tuple(changed)])
    return moved


def test_keras_freezes_layers_as_assignment_05_says():
    expected, _ = load_source("05_keras_fit")
    hidden = {"np": np}
    exec(hidden_part(cell_of("05_keras_fit", "test-3")), hidden)
    programs = {}
    for count in range(100):
        program = expected.my_program(f"student {count}")
        programs["".join(line.split(".")[-1] for line in program)] = program  # for either order
    assert len(programs) == len(expected.PROGRAMS)
    for program in programs.values():
        assert moved_by_keras(program) == hidden["moved_in"](program)
