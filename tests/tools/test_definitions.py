"""What is taken out of a notebook, and what is not run."""

import inspect

import nbformat
import pytest

from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

CONSTANTS = """\
EPOCHS = budget(1, 6, 50)
RATE: float = 0.5
P = 1 / 0
LIMIT, low = 3, 4
LOW, HIGH = 5, 6
trained = 1 / 0
"""


def notebook(tmp_path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path = tmp_path / "09_test.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_definitions_without_training(tmp_path):
    path = notebook(
        tmp_path,
        "%matplotlib inline\nfiles = !ls\nimport math\nfrom helpers.course import budget",
        CONSTANTS,
        "def area(r):\n    return math.pi * r**2\n\n\narea(1 / 0)",
        "class Model:\n    steps = EPOCHS * 2\n\nmodel = Model()\nfor n in range(3):\n    1 / 0",
        'def area(r):\n    """Return\n    % of all\n    !b"""\n    return r',
    )
    chapter = load_definitions("09", path)
    assert chapter.EPOCHS == 6 and chapter.Model.steps == 12 and chapter.area(2) == 2
    assert (chapter.RATE, chapter.LOW, chapter.HIGH) == (0.5, 5, 6)
    assert "% of all" in chapter.area.__doc__
    assert not {"trained", "model", "n", "low", "LIMIT"} & set(vars(chapter))


def test_a_chapter_that_is_not_there():
    with pytest.raises(SystemExit, match="CHAPTER is '99', but the chapters are: 01"):
        load_definitions("99")


def test_a_cell_that_is_no_python_is_named(tmp_path):
    with pytest.raises(SyntaxError) as error:
        load_definitions("09", notebook(tmp_path, "x = 1", "def broken(:"))
    assert error.value.filename.endswith("/09_test.ipynb, cell 1")


def test_a_chapter_and_its_solutions_keep_their_own_sources():
    """AutoGraph reads the source of a function by its file and line."""
    chapter = load_definitions("04")
    source = inspect.getsource(chapter.discriminator_loss)
    load_definitions("04", FOLDER / "solutions/04_dcgan.ipynb")
    assert inspect.getsource(chapter.discriminator_loss) == source
    assert source.startswith("def discriminator_loss(")
