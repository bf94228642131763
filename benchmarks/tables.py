"""What the benchmarks share: tables in `data/measured`, and what their rows belong to."""

import ast
import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat

from helpers import datasets, pretrained
from helpers.course import DATA, atomic_write

MEASURED = DATA / "measured"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def complete_clothes() -> datasets.ImageData:
    """Load Fashion-MNIST. SystemExit: it is not the complete official set."""
    data = datasets.load("fashion_mnist")
    if len(data.train_images) != 60_000:
        raise SystemExit("This wants the complete Fashion-MNIST. See data/README.md")
    return data


def judge(name: str = "classifier_clothes") -> str:
    """Return the first letters of a judge's checksum: scores of another cannot be compared."""
    return pretrained.card()[name]["sha256"][:12]


def definitions(chapter: ModuleType) -> dict[str, str]:
    """Return the code of a chapter's functions, classes and settings, without comments."""
    code = {}
    for cell in nbformat.read(chapter.__file__, as_version=4).cells:
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            target = node if isinstance(node, DEFINITIONS) else getattr(node, "targets", [None])[0]
            name = getattr(target, "name", getattr(target, "id", ""))
            if isinstance(node, DEFINITIONS) or name.isupper():
                code[name] = ast.unparse(node)
    return code


def checksum(texts: Iterable[str]) -> str:
    """Return the first letters of a checksum of what a row depends on."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def read_rows(table: Path) -> list[dict[str, str]]:
    """Return the rows of a table, none if there is no such file."""
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(table: Path, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write a table; a cell that a row does not have is empty."""
    with (
        atomic_write(table) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
