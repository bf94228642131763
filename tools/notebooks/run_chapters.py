"""Run the lessons without a browser, and compare the numbers that they record with their ranges.

    python -m tools.notebooks.run_chapters [chapter]

A chapter is two digits, as in 01. The budget is COURSE_BUDGET, by default lesson; the ranges are in
`data/expected.toml`. Each chapter becomes an HTML page in build/. Exit code 1 if a chapter fails,
or a number is missing, out of its range or without a range.

At smoke and lesson, results go to build/results, and those of the chapters that run are removed
first, so that every number comes from this run. At full they go to results/, as in JupyterLab, and
nothing is removed: a training goes on where it stopped.

If COURSE_RESULTS_DIR is set, pages and results go there and nothing is removed: the course itself
may be read-only.
"""

import json
import os
import shutil
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode

from helpers.course import (
    DATA,
    REFERENCE_GFLOPS,
    ROOT,
    atomic_write,
    budget_name,
    machine_gflops,
    quiet_import,
    results_folder,
)
from tools.notebooks.execution import clean, execute, lessons, name_of

BUILD = ROOT / "build"
NOT_COMPARED = {"machine_gflops"}
Range = Sequence[float]  # lowest, highest
Row = tuple[str, float | None, Range | None, str]  # name, value, range, verdict


def pages_folder() -> Path:
    """Return where the pages go: where the reader may write."""
    return results_folder() / "pages" if os.environ.get("COURSE_RESULTS_DIR") else BUILD


def prepare_results(budget: str, names: Sequence[str]) -> Path:
    """Return the results folder of this run; remove these chapters' older results if it is ours."""
    if os.environ.get("COURSE_RESULTS_DIR") or budget == "full":
        return results_folder()
    for name in names:
        for old in (BUILD / "results" / budget).glob(f"*/{name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return BUILD / "results"


def write_page(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook as HTML, with its pictures inside."""
    exporter = HTMLExporter(embed_images=True)
    resources = {"metadata": {"path": str(path.parent), "name": path.stem}}
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    with atomic_write(pages_folder() / f"{path.stem}.html") as temporary:
        temporary.write_text(html, encoding="utf-8")


def recorded(folder: Path, budget: str, chapter: str, since: float) -> tuple[str, dict]:
    """Return (source, numbers) that a chapter recorded since that time, or ("", {})."""
    files = (folder / budget).glob(f"*/{chapter}.json")
    times = {file: file.stat().st_mtime for file in files}
    if not times or max(times.values()) < since:
        return "", {}
    newest = max(times, key=times.__getitem__)
    return newest.parent.name, json.loads(newest.read_text(encoding="utf-8"))


def compare(numbers: Mapping[str, float], ranges: Mapping[str, Range]) -> list[Row]:
    """Compare recorded numbers with their ranges.

    Args:
        numbers: values by name.
        ranges: [lowest, highest] by name.

    Returns:
        List of (name, value or None, range or None, verdict); the verdict is "ok", "no range",
        "MISSING" or "OUTSIDE".
    """
    rows = []
    for name in sorted({*numbers, *ranges} - NOT_COMPARED):
        value, limits = numbers.get(name), ranges.get(name)
        if value is None:
            verdict = "MISSING"
        elif limits is None:
            verdict = "no range"
        else:
            verdict = "ok" if limits[0] <= value <= limits[1] else "OUTSIDE"
        rows.append((name, value, limits, verdict))
    return rows


def expected_ranges(chapter: str, budget: str, source: str) -> dict[str, Range]:
    """Return the ranges of a chapter; of a mixture such as "embedded+official" the hull of both."""
    table = tomllib.loads((DATA / "expected.toml").read_text(encoding="utf-8"))
    hull: dict[str, Range] = {}
    for part in source.split("+"):
        for name, limits in table.get(chapter, {}).get(budget, {}).get(part, {}).items():
            both = [*hull.get(name, limits), *limits]
            hull[name] = [min(both), max(both)]
    return hull


def print_table(results: Sequence[tuple[str, list[Row]]]) -> int:
    """Print the comparison of all chapters. Return how many numbers are not as expected."""
    print(f"\n{'chapter':<26}{'number':<26}{'value':>12}  {'expected':<22}verdict")
    bad = 0
    for chapter, rows in results:
        for name, value, limits, verdict in rows:
            bad += verdict != "ok"
            shown = "-" if value is None else f"{value:,.5g}"
            expected = "-" if limits is None else f"{limits[0]:,g} to {limits[1]:,g}"
            print(f"{chapter:<26}{name:<26}{shown:>12}  {expected:<22}{verdict}")
    return bad


def speed_of_this_machine() -> str:
    """Return a sentence that says what the times of the texts mean here."""
    with quiet_import():
        gflops = machine_gflops()
    return (
        f"This machine: {gflops:.0f} GFLOP/s. The times in the texts are those of a machine of "
        f"{REFERENCE_GFLOPS}: here they are about {REFERENCE_GFLOPS / gflops:.1f} times as long."
    )


def main(wanted: str = "") -> None:
    try:
        budget, paths = budget_name(), lessons(wanted)
    except ValueError as error:
        sys.exit(str(error))
    folder = prepare_results(budget, [path.stem for path in paths])
    print(f"Budget {budget}, {len(paths)} chapter(s). Pages go to '{pages_folder()}'.")
    print(speed_of_this_machine(), flush=True)
    failed, results = [], []
    for number, path in enumerate(paths, 1):
        began, clock = time.time(), time.monotonic()
        notebook, error = execute(path, budget, {**os.environ, "COURSE_RESULTS_DIR": str(folder)})
        seconds = time.monotonic() - clock
        write_page(clean(notebook), path)
        source, numbers = recorded(folder, budget, path.stem, began)
        if not numbers:
            error = error or "it recorded no numbers"
        results.append((path.stem, compare(numbers, expected_ranges(path.stem, budget, source))))
        failed += [path.stem] if error else []
        state = f"FAILED\n{error}" if error else f"ok (data: {source})"
        print(f"[{number}/{len(paths)}] {name_of(path)}: {seconds:.0f} s, {state}", flush=True)
    bad = print_table(results)
    done = f"{len(paths) - len(failed)} of {len(paths)} chapters ran"
    print(f"\n{done}; {bad} numbers missing, outside or without a range.")
    sys.exit(1 if failed or bad else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
