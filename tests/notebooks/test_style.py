"""Every notebook follows the rules, and every rule finds the fault that it is for."""

import copy
import json
import os
import subprocess
import tomllib
import warnings

import nbformat
import pytest

from helpers.course import DATA, ROOT
from tests.notebooks.test_notebooks import NO_SET
from tests.support import notebook_style as style
from tools.notebooks.execution import FOLDER, chapters, lessons, name_of

CHAPTERS = {name_of(path): path for path in chapters()}
LESSONS = {path.stem: path for path in lessons()}
OTHERS = {name_of(path): path for path in chapters(solutions=True) if path not in chapters()}
LARGEST = 1_000_000  # bytes of a stored notebook
FULL_MEASURED = {"01_probabilistic_model", "02_autoencoder"}  # the others take hours on 2 cores
# Pairs come with the course: there is one source only.
DRAWN = {"07_pix2pix", "07_ablations", "08_hidden_truth"}


def read(path):
    return nbformat.read(path, as_version=4)


def stored(path):
    """Return the notebook whose outputs are judged: the committed one.

    A reader's JupyterLab may have saved another. CI, and a place without git, judge the file.
    """
    now = path.read_text(encoding="utf-8")
    command = ["git", "show", f"HEAD:{path.relative_to(ROOT).as_posix()}"]
    try:
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        committed = shown.stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        committed = now
    if committed != now and not os.environ.get("CI"):
        said = f"{name_of(path)} was changed: the outputs of the committed one are tested."
        warnings.warn(f"{said} To undo the change: git checkout", stacklevel=1)
        now = committed
    assert len(now.encode()) < LARGEST
    return nbformat.reads(now, as_version=4)


@pytest.mark.parametrize("name", LESSONS)
def test_lesson(name):
    path = LESSONS[name]
    rules = style.SOURCE_OF_CHAPTERS if name in CHAPTERS else style.SOURCE_OF_LESSONS
    assert style.complaints(read(path), name, rules) == []
    assert style.complaints(stored(path), name, style.OUTPUTS_OF_LESSONS) == []


@pytest.mark.parametrize("name", OTHERS)
def test_notebook_beside_a_chapter(name):
    path = OTHERS[name]
    assert style.complaints(read(path), path.stem, style.SOURCE_OF_ALL) == []
    assert style.complaints(stored(path), path.stem, style.OUTPUTS_OF_ALL) == []
    assert list(style.check_links(read(path), path.stem, path.parent)) == []


@pytest.mark.parametrize("name", LESSONS)
def test_each_lesson_has_two_to_five_exercises_and_a_solution_to_each(name):
    solutions = style.headings(read(FOLDER / "solutions" / f"{name}.ipynb"))
    cells = read(LESSONS[name]).cells
    text = next(cell.source for cell in cells if "## Exercises" in cell.source)
    numbers = [line[0] for line in text.splitlines() if line[:1].isdigit()]
    assert (3 if name in CHAPTERS else 2) <= len(numbers) <= 5
    assert [head[0] for head in solutions if head[0].isdigit()] == numbers


def measured_cases(name):
    """Return the (budget, source) for which a chapter's ranges were measured."""
    if name in NO_SET:
        return [("smoke", "none"), ("lesson", "none")]
    if name in DRAWN:
        return [("smoke", "embedded"), ("lesson", "embedded")]
    cases = [("smoke", "official"), ("smoke", "embedded"), ("lesson", "official")]
    return cases + [("full", "official")] * (name in FULL_MEASURED)


@pytest.mark.parametrize("name", LESSONS)
def test_every_recorded_number_has_a_range(name):
    """The names are those of the JSON that `record` printed when the outputs were stored."""
    cell = next(cell for cell in style.code_cells(read(LESSONS[name])) if "record(" in cell.source)
    printed = "".join(output.get("text", "") for output in cell.outputs)
    names = set(json.loads(printed[printed.rindex("{") :])) - {"machine_gflops"}
    expected = tomllib.loads((DATA / "expected.toml").read_text())[name]
    cases = measured_cases(name)
    found = {(budget, source): set(expected[budget][source]) for budget, source in cases}
    assert found == dict.fromkeys(cases, names)


# ------------------------------------------------- each rule finds the fault that it is for


def first(notebook, kind, has=""):
    return next(cell for cell in notebook.cells if cell.cell_type == kind and has in cell.source)


def one_cell(source):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])


def spoil_sections(nb):
    first(nb, "markdown", "## Loss").source = "## Lost"


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
    first(nb, "code").outputs.append(nbformat.v4.new_output(**output))


def spoil_error(nb):
    add_output(nb, output_type="error", ename="ValueError", evalue="no", traceback=[])


def spoil_warning(nb):
    text = "fine\nWARNING:tensorflow:AutoGraph could not transform"
    add_output(nb, output_type="stream", name="stdout", text=text)


def spoil_stderr(nb):
    add_output(nb, output_type="stream", name="stderr", text="warning")


def spoil_path(nb):
    text = "saved in /" + "home/someone/results"
    add_output(nb, output_type="stream", name="stdout", text=text)


def spoil_widget(nb):
    data = {"application/vnd.jupyter.widget-view+json": {}}
    add_output(nb, output_type="display_data", data=data)


def spoil_checked(nb):
    for cell in nb.cells:
        cell.metadata.pop("tags", None)


def spoil_kernel(nb):
    nb.metadata.kernelspec["name"] = "my-venv"


def spoil_ids(nb):
    nb.cells[3]["id"] = nb.cells[4]["id"]


def spoil_code(nb):
    first(nb, "code").source = "@tf.function\ndef train_step(images):\n    pass"


def spoil_length(nb):
    first(nb, "code").source += "\n# " + "x" * 99


def spoil_figures(nb):
    shown = [any("image/png" in o.get("data", {}) for o in c.get("outputs", [])) for c in nb.cells]
    nb.cells[shown.index(True) + 1].source = "---"


def spoil_parameters(nb):
    first(nb, "code", "SMOOTHING =").source += "\ndead_rate: float = 1"
    first(nb, "code", "bincount").source += "\n# dead_rate"


def spoil_record(nb):
    other = 'record("02_autoencoder", a=1)  # record("01_probabilistic_model", a=1)'
    first(nb, "code", '"01_probabilistic_model"').source = other


def spoil_links(nb):
    first(nb, "markdown", "## Recap").source += "\n[more](missing.md#part)"


def spoil_imports(nb):
    first(nb, "code").source += "\nfrom tools import run"


def spoil_set_up(nb):
    first(nb, "code").source = first(nb, "code").source.replace("No module named", "Not there:")


def training(*lines, before=""):
    """Return a training cell with these lines in its loop."""
    loop = ["for images in run.batches(pictures, 4, 1):", *(f"    {line}" for line in lines)]
    return "\n".join([*before.split(), 'run = Training("01_x/y", 3, 3)', *loop])


def spoil_training_loop(nb):
    first(nb, "code").source = training(*["x = 1"] * 10)


def spoil_training_cell(nb):
    first(nb, "code").source = training("run.update(**train_step(images))", before="x=1 " * 24)


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
        (spoil_training_loop, "check_training_cells"),
        (spoil_training_cell, "check_training_cells"),
    ],
)
def test_a_spoilt_notebook_is_noticed(spoil, rule):
    name, path = next(iter(CHAPTERS.items()))
    notebook = copy.deepcopy(read(path))
    spoil(notebook)
    complaints = style.complaints(notebook, name, style.CHAPTER)
    assert rule in {text.partition(":")[0] for text in complaints}


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
    rules = [style.check_code, style.check_helpers_only]
    assert style.complaints(one_cell(source), "09_test", rules)


@pytest.mark.parametrize(
    "name, cells, lines, longest, said",
    [
        ("01_probabilistic_model", 40, 250, 25, None),
        ("01_probabilistic_model", 41, 250, 25, "41 cells, wanted 25 to 40"),
        ("01_probabilistic_model", 40, 251, 25, "251 lines of code, wanted 250 at most"),
        ("01_probabilistic_model", 40, 250, 26, "a code cell has 26 lines, wanted 25 at most"),
        ("01_second_lesson", 48, 350, 25, None),
        ("01_second_lesson", 51, 350, 25, "51 cells, wanted 25 to 50"),
        ("01_second_lesson", 48, 351, 25, "351 lines of code, wanted 350 at most"),
    ],
)
def test_limits_of_a_lesson(name, cells, lines, longest, said):
    """Half of the cells are code: one is the longest, one takes what is left, most others are 6."""
    code = ["x = 1\n" * 6] * 18
    code += ["x = 1\n" * longest, *["x = 1\n" * 25] * 4]
    left = lines - 18 * 6 - longest - 4 * 25
    code += ["x = 1\n" * part for part in (left % 25, *[25] * (left // 25)) if part]
    made = [nbformat.v4.new_code_cell(source.strip()) for source in code]
    made += [nbformat.v4.new_markdown_cell("text") for _ in range(cells - len(made))]
    rules = [style.check_sizes, style.check_longest]
    found = style.complaints(nbformat.v4.new_notebook(cells=made), name, rules)
    assert [said in text for text in found] == [True] * (said is not None)


FACTORY = """\
def make_train_step(model):
    @tf.function
    def train_step(images):
        pass
    return train_step
"""


@pytest.mark.parametrize("source", [FACTORY, training("run.update(**train_step(images))")])
def test_code_that_is_allowed(source):
    rules = [style.check_code, style.check_helpers_only, style.check_training_cells]
    assert style.complaints(one_cell(source), "09_test", rules) == []
