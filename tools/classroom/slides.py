"""Make five slides of each chapter, out of its notebook: slides/ in the folder of the class.

    python -m tools.classroom.slides [chapter]

Title with its picture, objectives, idea with its equation, result, recap: all of it stands in the
notebook, and nothing is written for the slides. If there is no equation in the section "Idea", its
first two paragraphs are shown.

nbconvert's slides exporter divides the page. What its own page needs (reveal.js, MathJax and
others) it loads from the network, with no way to put it inside. So this page does without: the
formulas are MathML, the pictures lie in the page, and a style makes each slide as large as the
screen. The slides of a chapter are one file, and need no network. Page Down and Page Up turn them;
"Print" in a browser makes a PDF of five pages.
"""

import html
import re
import sys
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from helpers.course import atomic_write
from tools.classroom.course import class_folder
from tools.notebooks.execution import chapters, result_picture

STYLE = """
  @page { size: 320mm 180mm; margin: 0; }
  html { scroll-snap-type: y proximity; font: min(1.8vw, 2.8vh)/1.3 Helvetica, Arial, sans-serif; }
  body { margin: 0; }
  section section { box-sizing: border-box; min-height: 100vh; padding: 3vh 6vw; display: flex;
    flex-direction: column; justify-content: center; scroll-snap-align: start; break-after: page; }
  .slides > :last-child section { break-after: auto; }
  h1, h2 { margin: 0 0 0.5em; color: #1f4e79; } li { margin: 0.25em 0; }
  img { display: block; margin: 0 auto; max-width: 100%; max-height: 46vh; object-fit: contain; }
  math[display="block"] { font-size: 130%; margin: 0.6em 0; }
  table { border-collapse: collapse; font-size: 90%; margin: 0.5em 0; }
  th, td { border-bottom: 1px solid #bbb; padding: 0.15em 1em 0.15em 0; text-align: left; }
"""
PAGE = """
{%- extends 'index.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ nb.metadata.title }}</title>
<style>{{ nb.metadata.style }}</style></head>
{%- endblock -%}
{%- block footer -%}</html>
{% endblock -%}
"""
FORMULA = re.compile(r"(<code>.*?</code>)|\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
LINK_TO_A_FILE = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:)[^)\s]+\.(?:ipynb|md)[^)\s]*\)")


def section(text: str, name: str, end: str) -> list[str]:
    """Return the paragraphs of a section. ValueError: it is not there."""
    found = re.search(rf"^## {name}.*?(?=^{end}|\Z)", text, re.DOTALL | re.MULTILINE)
    if not found:
        raise ValueError(f"it has no section '{name}'")
    return [block for block in found[0].split("\n\n") if block.strip()]


def idea(blocks: list[str]) -> list[str]:
    """Return the heading, the first equation, the paragraph before it and the table after it."""
    at = next((number for number, block in enumerate(blocks) if "$$" in block), None)
    if at is None:
        return blocks[:3]
    table = [block for block in blocks[at + 1 : at + 2] if block.startswith("|")]
    return [blocks[0], *blocks[max(1, at - 1) : at + 1], *table]


def result(notebook: NotebookNode) -> list[str]:
    """Return the last heading before the result, a link to its picture, and what is said of it."""
    cells = notebook.cells
    tagged = [
        n for n, cell in enumerate(cells) if "result-picture" in cell.metadata.get("tags", [])
    ]
    if not tagged or not result_picture(notebook):
        raise ValueError("its result-picture is not stored: run make outputs first")
    before = "\n".join(c.source for c in cells[: tagged[0]] if c.cell_type == "markdown")
    heading = re.findall(r"^##+ (.+)$", before, re.MULTILINE)[-1]
    said = cells[tagged[0] + 1].source.split("\n\n")[0]
    return [f"## {heading}", "![The result](attachment:result.png)", said]


def mathml(text: str) -> str:
    """Turn the formulas of a page into MathML, but not what stands in code."""

    def turned(found: re.Match) -> str:
        code, display, inline = found.groups()
        if code:
            return code
        kind = "block" if display else "inline"
        return convert(html.unescape(display or inline), display=kind)

    return FORMULA.sub(turned, text)


def five_slides(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook whose five cells are the slides. ValueError: a part is missing."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    text = "\n\n".join(prose)
    slides = [
        text.split("\n\n")[:3],  # heading, picture, what it is
        section(text, "Objectives", "## "),
        idea(section(text, "Idea", "## ")),
        result(notebook),
        section(text, "Recap", "##+ "),
    ]
    made = new_notebook(metadata={"title": slides[0][0].lstrip("# "), "style": STYLE})
    for blocks in slides:
        source = LINK_TO_A_FILE.sub(r"\1", "\n\n".join(blocks))
        made.cells.append(
            new_markdown_cell(source, metadata={"slideshow": {"slide_type": "slide"}})
        )
    made.cells[3].attachments = {"result.png": {"image/png": result_picture(notebook)}}
    return made


def page(path: Path) -> str:
    """Return the HTML page of a chapter's slides."""
    exporter = SlidesExporter(embed_images=True, exclude_anchor_links=True)
    exporter.raw_template = PAGE
    resources = {"metadata": {"path": str(path.parent), "name": path.stem}}
    slides = five_slides(nbformat.read(path, as_version=4))
    return mathml(exporter.from_notebook_node(slides, resources=resources)[0])


def main(wanted: str = "") -> None:
    left_out = []
    for path in chapters(wanted):
        try:
            text = page(path)
        except ValueError as error:
            left_out.append(f"{path.stem} has no slides: {error}.")
            continue
        with atomic_write(class_folder() / "slides" / f"{path.stem}.html") as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(f"{path.stem}: five slides", flush=True)
    print(f"Slides: '{class_folder() / 'slides'}'. Open a file in a browser.")
    sys.exit("\n".join(left_out) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
