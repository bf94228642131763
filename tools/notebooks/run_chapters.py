"""Run chapters without a browser, and compare the numbers that they record with `data/expected.toml`.

    python -m tools.notebooks.run_chapters [chapter]       chapter: two digits, as in 01; budget: COURSE_BUDGET, default lesson

Writes each chapter as HTML into build/, or below COURSE_RESULTS_DIR if that is set: a course that is shared read-only works. Exit code 1 if a chapter fails, or a number is missing, out of its range or
without a range. At smoke and lesson, results go to build/results, and those of the chapters that run are removed first, so
that every number comes from this run. At the full budget they go to results/, as in JupyterLab, and nothing is removed:
training goes on where it stopped. The same holds where COURSE_RESULTS_DIR is set.
"""

import json
import os
import shutil
import sys
import time
import tomllib

from nbconvert import HTMLExporter

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
from tools.notebooks.execution import chapters, clean, execute, name_of

BUILD = ROOT / "build"
NOT_COMPARED = {"machine_gflops"}


def pages_folder():
    """Return where the pages go: where the reader may write."""
    return results_folder() / "pages" if os.environ.get("COURSE_RESULTS_DIR") else BUILD


def prepare_results(budget, chapters):
    """Return the results folder of this run, without older results of these chapters where the folder is our own."""
    if os.environ.get("COURSE_RESULTS_DIR") or budget == "full":
        return results_folder()
    for chapter in chapters:
        for old in (BUILD / "results" / budget).glob(f"*/{chapter}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return BUILD / "results"


def write_html(notebook, path):
    exporter = HTMLExporter(embed_images=True)
    resources = {"metadata": {"path": str(path.parent), "name": path.stem}}
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    with atomic_write(pages_folder() / f"{path.stem}.html") as temporary:
        temporary.write_text(html, encoding="utf-8")


def recorded(folder, budget, chapter, since):
    """Return (source, numbers) that this chapter recorded since that time, or ("", {}) if it recorded nothing."""
    files = [f for f in (folder / budget).glob(f"*/{chapter}.json") if f.stat().st_mtime >= since]
    if not files:
        return "", {}
    newest = max(files, key=lambda f: f.stat().st_mtime)
    return newest.parent.name, json.loads(newest.read_text(encoding="utf-8"))


def compare(numbers, ranges):
    """Compare recorded numbers with their ranges.

    Args:
        numbers: mapping of name to value.
        ranges: mapping of name to [lowest, highest].

    Returns:
        List of (name, value or None, range or None, verdict), verdict being "ok", "no range", "MISSING" or "OUTSIDE".
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


def expected_ranges(chapter, budget, source):
    """Return the ranges of a chapter; of a mixture such as "embedded+official" the wider one."""
    table = tomllib.loads((DATA / "expected.toml").read_text(encoding="utf-8"))
    tables = [table.get(chapter, {}).get(budget, {}).get(part, {}) for part in source.split("+")]
    names = {name for ranges in tables for name in ranges}
    limits = {name: [ranges[name] for ranges in tables if name in ranges] for name in names}
    return {
        name: [min(low for low, _ in pairs), max(high for _, high in pairs)]
        for name, pairs in limits.items()
    }


def print_table(results):
    """Print the comparison of all chapters. Return how many numbers are missing, outside, or without a range."""
    print(f"\n{'chapter':<26}{'number':<26}{'value':>12}  {'expected':<22}verdict")
    bad = 0
    for chapter, rows in results:
        for name, value, limits, verdict in rows:
            bad += verdict != "ok"
            shown = "-" if value is None else f"{value:,.5g}"
            expected = "-" if limits is None else f"{limits[0]:,g} to {limits[1]:,g}"
            print(f"{chapter:<26}{name:<26}{shown:>12}  {expected:<22}{verdict}")
    return bad


def main(wanted=""):
    try:
        budget, paths = budget_name(), chapters(wanted)
    except ValueError as error:
        sys.exit(str(error))
    folder = prepare_results(budget, [path.stem for path in paths])
    failed, results = [], []
    print(f"Budget {budget}, {len(paths)} chapter(s). Pages go to '{pages_folder()}'.")
    with quiet_import():
        gflops = machine_gflops()
    print(
        f"This machine: {gflops:.0f} GFLOP/s. Times in the texts hold for {REFERENCE_GFLOPS}: here "
        f"they are about {REFERENCE_GFLOPS / gflops:.1f} times as long.",
        flush=True,
    )
    for number, path in enumerate(paths, 1):
        began, clock = time.time(), time.monotonic()
        notebook, error = execute(path, budget, {**os.environ, "COURSE_RESULTS_DIR": str(folder)})
        write_html(clean(notebook), path)
        source, numbers = recorded(folder, budget, path.stem, began)
        rows = compare(numbers, expected_ranges(path.stem, budget, source))
        if not numbers:
            error = error or "it recorded no numbers"
        results.append((path.stem, rows))
        failed += [path.stem] if error else []
        state = f"FAILED\n{error}" if error else f"ok (data: {source})"
        print(
            f"[{number}/{len(paths)}] {name_of(path)}: {time.monotonic() - clock:.0f} s, {state}",
            flush=True,
        )
    bad = print_table(results)
    print(
        f"\n{len(paths) - len(failed)} of {len(paths)} chapters ran; {bad} numbers missing, outside or without a range."
    )
    sys.exit(1 if failed or bad else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
