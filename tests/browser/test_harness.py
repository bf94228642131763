"""The harness itself: a cell that fails is noticed, and the kernel is the course's own."""

import nbformat
import pytest

from tests.browser.conftest import BUILD, ROOT

FOLDER = str(BUILD.relative_to(ROOT))


def write_notebook(name, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": ""}}
    BUILD.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, BUILD / f"{name}.ipynb")


@pytest.mark.parametrize(
    "last", ["raise ValueError('boom')", "import sys; print('boom', file=sys.stderr)"]
)
def test_a_cell_that_fails_is_noticed(chapter, last):
    write_notebook("broken", "1 + 1", last, "2 + 2")
    with pytest.raises(AssertionError, match="(?s)broken wrote errors: .*boom"):
        chapter("broken", folder=FOLDER)


def test_a_readers_own_helpers_beside_a_notebook_are_not_taken_for_ours(chapter):
    other = BUILD / "helpers.py"
    write_notebook("beside", "from helpers import course", "print('root:', course.ROOT)")
    other.write_text("raise ImportError('this is not the course')")
    try:
        page = chapter("beside", folder=FOLDER)
    finally:
        other.unlink()
    page.get_by_text(f"root: {ROOT}").wait_for()
