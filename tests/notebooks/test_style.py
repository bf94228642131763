"""Every notebook follows the rules, and every rule can find a fault."""

import copy
import json
import os
import subprocess
import tomllib
import warnings

import nbformat
import pytest

from helpers.course import ROOT
from tests.support import notebook_style as style
from tools.notebooks.execution import FOLDER, chapters, name_of

CHAPTERS = chapters()
SOLUTIONS = [path for path in chapters(solutions=True) if path not in CHAPTERS]


def ids(paths):
    return [name_of(path) for path in paths]


def stored(path):
    """Return the notebook whose outputs are judged: the committed one, if a reader's JupyterLab has saved another.

    CI, and a place without git, judge the file as it is.
    """
    now = path.read_text(encoding="utf-8")
    try:
        name = f"HEAD:{path.relative_to(ROOT).as_posix()}"
        committed = subprocess.run(
            ["git", "show", name], cwd=ROOT, capture_output=True, check=True
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        committed = now
    if committed != now and not os.environ.get("CI"):
        warnings.warn(
            f"{name_of(path)} was changed: the outputs of the committed one are tested. To undo: git checkout",
            stacklevel=1,
        )
        now = committed
    assert len(now.encode()) < 1_000_000
    return nbformat.reads(now, as_version=4)


@pytest.mark.parametrize("path", CHAPTERS, ids=ids(CHAPTERS))
def test_chapter(path):
    assert (
        style.complaints(nbformat.read(path, as_version=4), path.stem, style.SOURCE_OF_CHAPTERS)
        == []
    )
    assert style.complaints(stored(path), path.stem, style.OUTPUTS_OF_CHAPTERS) == []


@pytest.mark.parametrize("path", SOLUTIONS, ids=ids(SOLUTIONS))
def test_solutions(path):
    notebook = nbformat.read(path, as_version=4)
    assert style.complaints(notebook, path.stem, style.SOURCE_OF_ALL) == []
    assert style.complaints(stored(path), path.stem, style.OUTPUTS_OF_ALL) == []
    assert list(style.check_links(notebook, path.stem, path.parent)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=ids(CHAPTERS))
def test_each_chapter_has_three_to_five_exercises_and_a_solution_to_each(path):
    solutions = style.headings(nbformat.read(FOLDER / "solutions" / path.name, as_version=4))
    exercises = nbformat.read(path, as_version=4)
    text = next(cell.source for cell in exercises.cells if "## Exercises" in cell.source)
    numbers = [line[0] for line in text.splitlines() if line[:1].isdigit()]
    assert 3 <= len(numbers) <= 5
    assert [head[0] for head in solutions if head[0].isdigit()] == numbers


FULL_MEASURED = {"01_probabilistic_model", "02_autoencoder"}  # the others take hours on 2 cores
DRAWN = {"07_pix2pix"}  # its pairs come with the course, so there is one source only


def measured_cases(name):
    """Return the (budget, source) for which a chapter's ranges were measured."""
    if name in DRAWN:
        return [("smoke", "embedded"), ("lesson", "embedded")]
    cases = [("smoke", "official"), ("smoke", "embedded"), ("lesson", "official")]
    return cases + [("full", "official")] * (name in FULL_MEASURED)


@pytest.mark.parametrize("path", CHAPTERS, ids=ids(CHAPTERS))
def test_every_recorded_number_has_a_range(path):
    """The names are those of the JSON that `record` printed when the outputs were stored."""
    cells = nbformat.read(path, as_version=4).cells
    cell = next(c for c in cells if c.cell_type == "code" and "record(" in c.source)
    names = set(json.loads(cell.outputs[-1].text)) - {"machine_gflops"}
    expected = tomllib.loads((ROOT / "data/expected.toml").read_text())[path.stem]
    cases = measured_cases(path.stem)
    found = {(budget, source): set(expected[budget][source]) for budget, source in cases}
    assert found == dict.fromkeys(cases, names)


# ---------------------------------------------------------------- each rule finds the fault that it is for


def first(notebook, kind, has=""):
    return next(cell for cell in notebook.cells if cell.cell_type == kind and has in cell.source)


def spoil_sections(nb):
    first(nb, "markdown", "## Loss").source = "## Lossy"[:5] + "t"


def spoil_title(nb):
    nb.cells[0].source = nb.cells[0].source.replace("# 01 ", "# ")


def spoil_picture(nb):
    cell = next(c for c in nb.cells if "result-picture" in c.metadata.get("tags", []))
    cell.outputs[-1].data["image/png"] = "AAAA" + cell.outputs[-1].data["image/png"][4:]


def spoil_sizes(nb):
    for cell in style.code_cells(nb):
        cell.source = "\n".join(f"x{n} = {n}" for n in range(7))


def spoil_longest(nb):
    first(nb, "code").source = "x = 1\n" + "\n" * 29 + "y = 2"


def spoil_order(nb):
    first(nb, "code").execution_count = 7


def add_output(nb, **output):
    cell = first(nb, "code")
    cell.outputs.append(nbformat.v4.new_output(**output))


def spoil_error(nb):
    add_output(nb, output_type="error", ename="ValueError", evalue="no", traceback=[])


def spoil_warning(nb):
    add_output(
        nb,
        output_type="stream",
        name="stdout",
        text="fine\nWARNING:tensorflow:AutoGraph could not transform",
    )


def spoil_stderr(nb):
    add_output(nb, output_type="stream", name="stderr", text="warning")


def spoil_path(nb):
    add_output(nb, output_type="stream", name="stdout", text="saved in /" + "home/someone/results")


def spoil_widget(nb):
    add_output(
        nb, output_type="display_data", data={"application/vnd.jupyter.widget-view+json": {}}
    )


def spoil_checked(nb):
    for cell in nb.cells:
        cell.metadata.pop("tags", None)


def spoil_kernel(nb):
    nb.metadata.kernelspec["name"] = "my-venv"


def spoil_ids(nb):
    nb.cells[3]["id"] = nb.cells[4]["id"]


def spoil_code(nb, source="@tf.function\ndef train_step(images):\n    pass"):
    first(nb, "code").source = source


@pytest.mark.parametrize(
    "source",
    [
        "train_step = tf.function(train_step)",
        "@tf.function(jit_compile=True)\ndef train_step():\n    pass",
        "from tensorflow import function\n@function\ndef train_step():\n    pass",
        "plt.show()",
        "!pip install x",
        "%run a.ipynb",
        "np.load(path, allow_pickle = True)",
        "x = 1  # TODO",
        "def broken(:",
        "open('/" + "home/me/x')",
        "import os, tools.run",
        "if True:\n    from tools import run",
    ],
)
def test_code_that_is_not_allowed(source):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert style.complaints(notebook, "09_test", [style.check_code, style.check_helpers_only])


def test_a_step_compiled_by_a_factory_is_allowed():
    source = "def make_train_step(model):\n    @tf.function\n    def train_step(images):\n        pass\n    return train_step"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert style.complaints(notebook, "09_test", [style.check_code, style.check_helpers_only]) == []


def spoil_length(nb):
    first(nb, "code").source += "\n# " + "x" * 99


def spoil_figures(nb):
    at = next(
        n
        for n, c in enumerate(nb.cells)
        if any("image/png" in o.get("data", {}) for o in c.get("outputs", []))
    )
    nb.cells[at + 1].source = "---"


def spoil_parameters(nb):
    first(nb, "code", "SMOOTHING =").source += "\ndead_rate: float = 1"
    first(nb, "code", "bincount").source += "\n# dead_rate"


def spoil_record(nb):
    first(
        nb, "code", "record(\n"
    ).source = 'record("02_autoencoder", a=1)  # record("01_probabilistic_model", a=1)'


def spoil_links(nb):
    first(nb, "markdown", "## Recap").source += "\n[more](missing.md#part)"


def spoil_set_up(nb):
    first(nb, "code").source = first(nb, "code").source.replace("No module named", "Not there:")


LOOP = """run = Training("01_x/y", 3, 3)
for images in run.batches(pictures, 4, 1):
    {}
"""


def spoil_training(nb):
    first(nb, "code").source += "\n" + LOOP.format("\n    ".join(["x = 1"] * 12))


def spoil_imports(nb):
    first(nb, "code").source += "\nfrom tools import run"


def test_a_short_loop_of_training_is_allowed():
    source = LOOP.format("run.update(**train_step(images))")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert style.complaints(notebook, "09_test", [style.check_training_cells]) == []


@pytest.mark.parametrize(
    "spoil, rule",
    [
        (spoil_sections, "check_sections"),
        (spoil_title, "check_title"),
        (spoil_picture, "check_title"),
        (spoil_sizes, "check_sizes"),
        (spoil_longest, "check_longest"),
        (spoil_order, "check_outputs"),
        (spoil_error, "check_outputs"),
        (spoil_stderr, "check_outputs"),
        (spoil_warning, "check_outputs"),
        (spoil_path, "check_outputs"),
        (spoil_widget, "check_outputs"),
        (spoil_checked, "check_checked_cells"),
        (spoil_kernel, "check_metadata"),
        (spoil_ids, "check_metadata"),
        (spoil_code, "check_code"),
        (spoil_length, "check_code"),
        (spoil_figures, "check_figures"),
        (spoil_parameters, "check_parameters"),
        (spoil_record, "check_record"),
        (spoil_links, "check_links"),
        (spoil_imports, "check_helpers_only"),
        (spoil_set_up, "check_set_up"),
        (spoil_training, "check_training_cells"),
    ],
)
def test_a_spoilt_notebook_is_noticed(spoil, rule):
    path = CHAPTERS[0]
    notebook = copy.deepcopy(nbformat.read(path, as_version=4))
    spoil(notebook)
    assert rule in {
        text.partition(":")[0] for text in style.complaints(notebook, path.stem, style.CHAPTER)
    }
