"""What the benchmarks share: tables in `data/measured`, and what their rows belong to."""

import ast
import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
from PIL import Image

from helpers import datasets, pretrained
from helpers.course import DATA, REFERENCE_GFLOPS, atomic_write, machine_gflops

MEASURED = DATA / "measured"
WARM, TIMED = 3, 40  # steps of `time_run`
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
Run = tuple[str, ...]  # what a row belongs to: the values of its key


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


def code_of(chapter: ModuleType, not_used: Iterable[str]) -> str:
    """Return a checksum of a chapter's code, without the definitions that a run does not use."""
    texts = definitions(chapter)
    return checksum(text for name, text in sorted(texts.items()) if name not in not_used)


def fill_table(
    table: Path,
    key: tuple[str, ...],
    found_names: tuple[str, ...],
    wanted: Iterable[Run],
    measure: Callable[[Run], dict[str, Any]],
    most: int,
) -> None:
    """Measure the runs that a table lacks, at most so many, and write it after each one.

    Args:
        key, found_names: the table's columns: what a run is, and what `measure` returns.
        wanted: values of `key`, in the order of the rows. Other rows are dropped.
    """
    wanted = list(wanted)
    found = {tuple(row[name] for name in key): row for row in read_rows(table)}
    for run in [run for run in wanted if run not in found][:most]:
        began = time.monotonic()
        found[run] = dict(zip(key, run)) | measure(run)
        seconds = time.monotonic() - began
        print(f"{seconds:.0f} s at {machine_gflops():.0f} GFLOP/s: {found[run]}", flush=True)
        write_rows(table, (*key, *found_names), [found[run] for run in wanted if run in found])
    write_rows(table, (*key, *found_names), [found[run] for run in wanted if run in found])


def fill_with_pictures(
    benchmark: ModuleType,
    lesson: ModuleType,
    seeds: tuple[int, ...],
    folder: Path,
    kept: Path,
    most: int = 1000,
) -> None:
    """Make at most so many of the rows that a benchmark's table lacks; then the lesson's pictures.

    Args:
        benchmark: its module, with NAME, KEY, FOUND, `plan(lesson, seeds)`,
            `score(lesson, run, kept)` and `sheets_of(lesson, wanted, kept)`.
        folder: where the table (.csv) and the pictures for the lesson (.npz) lie.
        kept: where what was trained stays.
    """
    wanted = benchmark.plan(lesson, seeds)
    table, pictures = (folder / f"{benchmark.NAME}{ending}" for ending in (".csv", ".npz"))
    measure = lambda run: benchmark.score(lesson, run, kept)
    fill_table(table, benchmark.KEY, benchmark.FOUND, wanted, measure, most)
    if len(read_rows(table)) == len(wanted) and not pictures_fit(pictures, wanted):
        sheets = {"rows": np.array(checksum(map(str, wanted)))}
        sheets |= benchmark.sheets_of(lesson, wanted, kept)
        with atomic_write(pictures, ".npz") as temporary:
            np.savez_compressed(temporary, **sheets)
        print(f"'{pictures.name}': {pictures.stat().st_size:,} bytes")


def packed_sheet(images: np.ndarray, lossless: bool = True) -> np.ndarray:
    """Return pictures, uint8 (N, height, width, 3), as the bytes of a sheet: WebP.

    Without loss it is for measured pictures; with a little loss for photographs to look at.
    """
    packed = io.BytesIO()
    sheet = Image.fromarray(images.reshape(-1, *images.shape[2:]))
    form = dict(lossless=True, quality=100, exact=True) if lossless else dict(quality=90)
    sheet.save(packed, format="webp", method=6, **form)
    return np.frombuffer(packed.getvalue(), np.uint8)


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


def pictures_fit(path: Path, wanted: Iterable[Run]) -> bool:
    """Tell whether a file of pictures (.npz) is there and was made with the rows of this table."""
    if not path.exists():
        return False
    with np.load(path) as stored:
        return str(stored["rows"]) == checksum(map(str, wanted))


def time_run(name: str, steps: int, step: Callable[[int], Any]) -> float:
    """Measure warm steps, print them, and return a run's seconds on the reference machine.

    Args:
        step: makes one step; it takes the step's number, and waits for the result.
    """

    def seconds_of(count: int) -> float:
        began = time.perf_counter()
        for number in range(count):
            step(number)
        return (time.perf_counter() - began) / count

    seconds_of(WARM)
    speeds = [speed_now()]
    seconds = seconds_of(TIMED)
    speeds.append(speed_now())
    run = steps * seconds * float(np.mean(speeds)) / REFERENCE_GFLOPS
    print(f"{name}: a step {seconds:.3f} s at {np.round(speeds)} GFLOP/s", end=", ")
    print(f"a run {run:.0f} s at {REFERENCE_GFLOPS}", flush=True)
    return run


def print_total(seconds: float) -> None:
    """Print how long all runs take, given their seconds on the reference machine."""
    slower = seconds * REFERENCE_GFLOPS / 200
    print(
        f"All: {seconds / 60:.0f} minutes at {REFERENCE_GFLOPS} GFLOP/s, {slower / 60:.0f} at 200."
    )


def speed_now() -> float:
    """Return the GFLOP/s of this moment."""
    machine_gflops.cache_clear()
    return machine_gflops()
