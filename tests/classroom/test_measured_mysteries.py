"""Mysteries that are made of the course's measured tables: their numbers and their answers."""

import itertools

import nbformat
import numpy as np
import pytest

from helpers.course import DATA
from tools.classroom.checks import hidden_part, load_source
from tools.classroom.course import nbgrader_of, source_path

STYLE_PAIRS = [  # of the photograph and the painting, in the order of the cases of assignment 09
    "china composition",
    "china street",
    "coffee poppies",
    "astronaut poppies",
    "chelsea wave",
    "chelsea street",
    "astronaut composition",
    "coffee wave",
    "astronaut poppies",
    "coffee wave",
    "astronaut composition",
    "china street",
]

SLEEVES_OFF = dict(heaps="clothes", way="F(y)")
VERSIONS = ("all losses", "no cycle loss", "no identity loss", "whole picture", "whole only GANs")
# Of each assignment: its table, the columns, which of them are divided by those of the row `unit`,
# the values that the rows of each set have, and the names of a student's other numbers. `cases` has
# more values, for each case alone.
MYSTERIES = {
    "06_cgan": dict(
        table="label_ways.csv",
        scores=("asked", "fcd", "class_fcd", "class_precision", "class_recall"),
        divided=(True, True, True, True, True),
        unit=dict(way="real"),
        own=("readable", "asked_share"),
        sets={
            "deaf": dict(way="none"),
            "joined": dict(way="joined"),
            "projection + both": dict(way="projection + both"),
            "half exchanged": dict(way="real + exchanged labels", recipe="0.5"),
            "photocopier": dict(way="photocopier"),
        },
    ),
    "07_pix2pix": dict(
        table="pix2pix_ablations.csv",
        scores=("shading", "fit", "l1", "texture"),
        divided=(True, False, False, False),
        unit=dict(variant="target"),
        own=("shading", "fit", "wanted_shading"),
        sets={
            "L1": dict(variant="L1"),
            "L1 + cGAN": dict(variant="L1 + cGAN"),
            "cGAN": dict(variant="cGAN"),
            "no skips": dict(variant="L1 + cGAN no skips"),
            "blurred": dict(variant="blurred target"),
        },
    ),
    "08_cyclegan": dict(
        table="cyclegan.csv",
        scores=("sleeves", "sides", "read", "fcd", "middle", "cycle"),
        divided=(False, False, False, False, False, False),
        unit=dict(variant="real", **SLEEVES_OFF),
        own=("cycle_loss", "x_error"),
        sets={name: dict(variant=name, **SLEEVES_OFF) for name in VERSIONS},
    ),
    "09_style_transfer": dict(
        table="style_ways.csv",
        scores=("judge", "layout", "copied"),
        divided=(False, False, False),
        unit=dict(way="recoloured"),
        own=("light", "strong", "other"),
        cases=[dict(zip(("content", "style"), pair.split())) for pair in STYLE_PAIRS],
        sets={
            "recoloured": dict(way="recoloured"),
            "sharpened": dict(way="sharpened"),
            "hybrid": dict(way="hybrid"),
            "wrong piece": dict(way="wrong_piece"),
            "piece": dict(way="piece"),
            "eyes": dict(way="eyes", weight="0.1"),
        },
    ),
}


def cell_of(assignment, name):
    cells = nbformat.read(source_path(assignment), as_version=4).cells
    return next(cell for cell in cells if nbgrader_of(cell).get("grade_id") == name)


@pytest.fixture(scope="module", params=MYSTERIES)
def mystery(request):
    """The description of a mystery, its cases, its answers, and the code of its solution."""
    assignment = request.param
    hidden = {"np": np}
    exec(hidden_part(cell_of(assignment, "test-7")), hidden)
    my_case, found = load_source(assignment)[0].my_case, {}
    for count in range(20 * len(hidden["TRUTH"])):
        number, sets, *own = my_case(f"student {count}")
        found[number] = sets, own
    truths = [truth.split(" / ") for truth in hidden["TRUTH"]]
    cases = [found[number] for number in range(len(truths))]
    return MYSTERIES[assignment], cases, truths, cell_of(assignment, "answer-7").source


def scores_of(description, **wanted):
    """Return the scores of the rows that have these values, a row each."""
    path = DATA / "measured" / description["table"]
    table = np.genfromtxt(path, names=True, dtype=None, delimiter=",", encoding="utf-8")
    chosen = np.all([table[column].astype(str) == wanted[column] for column in wanted], axis=0)
    return np.stack([table[chosen][score] for score in description["scores"]], axis=-1)


def test_each_number_is_a_mean_of_two_measured_runs(mystery):
    description, cases, truths, _ = mystery
    unit = scores_of(description, **description["unit"])
    unit = np.where(description["divided"], unit, 1)
    of_cases = description.get("cases", [{}] * len(cases))
    for (sets, _), truth, also in zip(cases, truths, of_cases, strict=True):
        for numbers, name in zip(sets, truth, strict=True):
            runs = scores_of(description, **description["sets"][name], **also)
            pairs = itertools.combinations(runs, 2) if len(runs) > 1 else [runs[:1]]
            means = np.concatenate([np.mean(pair, axis=0) / unit for pair in pairs])
            assert np.abs(means - numbers).max(axis=1).min() <= 0.0051, name


def test_the_solution_tells_each_case_apart(mystery):
    description, cases, truths, solution = mystery
    for (sets, own), truth in zip(cases, truths, strict=True):
        scope = {"np": np, "sets": sets, **dict(zip(description["own"], own, strict=True))}
        exec(solution, scope)
        assert list(scope["my_sets"].values()) == truth


def test_each_name_stands_at_each_letter(mystery):
    """So no letter is a good guess."""
    description, _, truths, _ = mystery
    assert all(set(column) == set(description["sets"]) for column in zip(*truths, strict=True))
