import nbformat
import pytest

from tests.browser.conftest import BUILD, ROOT


@pytest.mark.parametrize(
    "last", ["raise ValueError('boom')", "import sys; print('boom', file=sys.stderr)"]
)
def test_a_cell_that_fails_is_noticed(chapter, last):
    cells = [nbformat.v4.new_code_cell(source) for source in ("1 + 1", last, "2 + 2")]
    BUILD.mkdir(parents=True, exist_ok=True)
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": ""}}
        ),
        BUILD / "broken.ipynb",
    )
    with pytest.raises(AssertionError, match="(?s)broken wrote errors: .*boom"):
        chapter("broken", folder=str(BUILD.relative_to(ROOT)))
