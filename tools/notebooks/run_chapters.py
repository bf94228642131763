"""Run chapters without a browser, and compare the numbers that they record with `data/expected.toml`.

    python tools/run.py [chapter]       chapter: two digits, as in 01; budget: COURSE_BUDGET, default lesson

Writes each chapter as HTML into build/. Exit code 1 if a chapter fails, or a number is missing, out of its range or
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

from helpers.budget import budget_name
from helpers.paths import DATA, ROOT, atomic_write, results_folder
from tools.notebooks import chapters, clean, execute, name_of

BUILD = ROOT / "build"


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
    with atomic_write(BUILD / f"{path.stem}.html") as temporary:
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
    for name in sorted({*numbers, *ranges}):
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
    """Return the ranges for a chapter. A download has the same pictures as a folder, so it shares the folder's ranges."""
    table = tomllib.loads((DATA / "expected.toml").read_text(encoding="utf-8"))
    return table.get(chapter, {}).get(budget, {}).get("folder" if source == "download" else source, {})


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
    print(f"Budget {budget}, {len(paths)} chapter(s). Pages go to build/.", flush=True)
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
        print(f"[{number}/{len(paths)}] {name_of(path)}: {time.monotonic() - clock:.0f} s, {state}", flush=True)
    bad = print_table(results)
    print(f"\n{len(paths) - len(failed)} of {len(paths)} chapters ran; {bad} numbers missing, outside or without a range.")
    sys.exit(1 if failed or bad else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
