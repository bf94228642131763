"""The slides: five a chapter, all of it from the notebook, in a page that needs no network."""

import copy
import html
import re

import nbformat
import pytest

from tools.classroom import slides
from tools.classroom.trial import submissions as classroom
from tools.notebooks.execution import chapters, result_picture

NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in chapters()}
# A draft, which `make outputs` has not run yet, gets no slides.
READY = [path for path in chapters() if result_picture(NOTEBOOKS[path.stem])]
NAMES = [path.stem for path in READY]
MOST_WORDS = 240  # of a slide


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.fixture(scope="module", params=READY, ids=NAMES)
def made(request):
    """Return (notebook, its slides, their page)."""
    notebook = NOTEBOOKS[request.param.stem]
    return notebook, slides.five_slides(notebook), slides.page(request.param)


def test_most_chapters_have_slides():
    assert len(READY) >= 7


def test_there_are_five_with_the_right_titles(made):
    _, cells, page = made
    titles = re.findall(r"<h[12]>(.*?)</h[12]>", page)
    assert page.count("<section><section>") == len(titles) == 5
    assert re.match(r"\d\d ", titles[0])
    assert titles[1] == "Objectives" and titles[4] == "Recap"
    assert titles[2].startswith("Idea")
    assert all(cell.metadata.slideshow.slide_type == "slide" for cell in cells.cells)


def test_nothing_is_written_again(made):
    """Each paragraph stands in the notebook, but for its links."""
    notebook, cells, _ = made
    source = slides.LINK_TO_A_FILE.sub(r"\1", prose(notebook))
    written = [block for cell in cells.cells for block in cell.source.split("\n\n")]
    strange = [block for block in written if block not in source]
    assert [block for block in strange if not block.startswith("## ")] == [
        "![The result](attachment:result.png)"
    ]
    assert all(f"#{block}" in source for block in strange if block.startswith("## "))


def test_title_and_result_show_the_picture_of_the_chapter(made):
    notebook, _, page = made
    parts = page.split("<section><section>")[1:]
    picture = result_picture(notebook).replace("\n", "")
    for part in (parts[0], parts[3]):
        assert re.findall(r'src="data:image/png;base64,([^"]+)"', part) == [picture]


def test_the_idea_has_its_equation_and_the_table_of_symbols(made):
    notebook, cells, page = made
    idea = prose(notebook).split("\n## Idea")[1].split("\n## ")[0]
    part = page.split("<section><section>")[3]
    blocks = re.findall('<math[^>]*display="block"', part)
    assert len(blocks) == ("$$" in idea)
    if "$$" not in idea:
        assert len(cells.cells[2].source.split("\n\n")) == 3
    elif idea.split("$$")[2].startswith("\n\n|"):  # the table of the first equation
        assert part.count("<table>") == 1


def test_the_page_loads_nothing_and_every_formula_is_turned(made):
    _, _, page = made
    assert not re.search(r"<script|<link|@import|url\(", page)
    assert not [source for source in re.findall(r'src="([^"]+)"', page) if source[:5] != "data:"]
    targets = re.findall(r'href="([^"]+)"', page)
    assert all(target.startswith("https://") for target in targets)
    shown = html.unescape(re.sub(r"<code>.*?</code>|<[^>]+>", "", page, flags=re.DOTALL))
    assert "$" not in shown and not re.search(r"\\[a-zA-Z]", shown)


def test_each_slide_fits_on_a_screen(made):
    """Measured in Chromium: slides with so many words are one page each in print."""
    counts = [len(cell.source.split()) for cell in made[1].cells]
    assert max(counts) <= MOST_WORDS, counts


def test_formulas_in_code_stay():
    text = "<p>$a &lt; b$ and <code>$HOME $x$</code></p>"
    turned = slides.mathml(text)
    assert turned.count("<math") == 1 and "<code>$HOME $x$</code>" in turned
    assert "<mo>&#x0003C;</mo>" in turned  # a "less than", and no text "lt"


def spoil_recap(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("## Recap", "## The end")


def spoil_picture(notebook):
    for cell in notebook.cells:
        cell.metadata.pop("tags", None)


def spoil_outputs(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []


@pytest.mark.parametrize(
    "spoil, said",
    [
        (spoil_recap, "no section 'Recap'"),
        (spoil_picture, "make outputs"),
        (spoil_outputs, "make outputs"),
    ],
)
def test_what_is_missing_is_named(spoil, said):
    notebook = copy.deepcopy(NOTEBOOKS[NAMES[0]])
    spoil(notebook)
    with pytest.raises(ValueError, match=said):
        slides.five_slides(notebook)


def test_the_tool_writes_one_chapter_alone(tmp_path):
    done = classroom.run_tool("slides", tmp_path, "02")
    assert done.returncode == 0, done.stderr
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path.relative_to(tmp_path).as_posix() == "slides/02_autoencoder.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
