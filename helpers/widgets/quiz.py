"""The quiz "real or fake?", and the file of its answers."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..course import from_root
from ..plotting import grid_png, to_unit_range
from .shared import Array, Asker, Range, packed

HALF = 10  # questions of a round that are real, and that are not
HEADER = "time,session,question,truth,answer,correct,seconds"
VERDICTS = ("real,real,1", "real,fake,0", "fake,fake,1", "fake,real,0")


def tally(rows: list) -> tuple[int, int, float, float]:
    """Return right answers, all answers, and the 95 % Wilson interval of their share."""
    from scipy.stats import binomtest  # here, for it is slow to import

    right, total = sum(row[3] == row[4] for row in rows), len(rows)
    low, high = binomtest(right, total).proportion_ci(method="wilson") if rows else (0, 1)
    return right, total, float(low), float(high)


def rounds(pools: dict[str, np.ndarray], path: Path) -> Iterator[dict]:
    """Yield what the script shows, and take [key, answer, seconds]. It learns a truth after it."""
    rng = np.random.default_rng()
    while True:
        drawn = [(kind, tile) for kind in pools for tile in rng.choice(pools[kind], HALF, False)]
        rng.shuffle(drawn)
        session = f"{time.time_ns():x}"
        rows, screen = [], {}
        for number, (truth, tile) in enumerate(drawn, start=1):
            screen = dict(screen, key=[session, number], pictures=packed(tile[None], (0, 1)))
            while (reply := (yield screen))[0] != screen["key"]:
                pass  # it is about an earlier picture
            _, answer, seconds = reply
            now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            rows.append([now, session, number, truth, answer, int(answer == truth), seconds])
            screen = dict(screen, truth=truth, answer=answer, tally=tally(rows), problem="")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                old = path.read_bytes() if path.exists() else b""
                start = "" if old.endswith(b"\n") else "\n" if old else HEADER + "\n"
                with path.open("a", encoding="utf-8", newline="\n") as file:  # others may write
                    file.write(start + ",".join(map(str, rows[-1])) + "\n")
            except OSError as error:
                screen["problem"] = f"This answer is not in the file: {error}. The quiz goes on."
        screen["key"] = [session, number + 1]
        while (yield screen)[0] != screen["key"]:
            pass


def real_or_fake(real: Array, fake: Array, value_range: Range, csv_path: str | Path) -> Asker:
    """Make a quiz of twenty pictures, half of them real, answered by buttons or keys.

    Pictures are (N, H, W[, 1 or 3]), 10 or more, and fill most of (black, white). Answers go at
    once to the end of a CSV file, whose relative path starts at the root. ValueError: otherwise.
    """
    path = from_root(csv_path)
    if path.exists():
        quiz_result(path)  # refuses a file of another kind
    pools = {"real": to_unit_range(real, value_range), "fake": to_unit_range(fake, value_range)}
    for kind, tiles in pools.items():
        if len(tiles) < HALF or np.ptp(tiles) < 0.5:  # the reader would know them by their grey
            seen = f"{kind} has {len(tiles)} pictures, in {np.ptp(tiles):.0%} of {value_range}"
            raise ValueError(f"{seen}. Give {HALF} or more that fill it.")
    examples = np.concatenate([tiles[:HALF] for tiles in pools.values()])
    png = grid_png(np.random.default_rng().permutation(examples), (0, 1), columns=HALF)
    return Asker("quiz.js", rounds(pools, path).send, None, png, total=2 * HALF)


def quiz_result(csv_path: str | Path) -> tuple[int, int, float, float]:
    """Return a quiz's right answers, all its answers, and the share's 95 % interval, low and high.

    The file may be several ones, put together. ValueError: a row in it is no answer.
    """
    with from_root(csv_path).open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = [row for row in csv.reader(file) if ",".join(row) != HEADER]
    for row in rows:
        if ",".join(row[3:6]) not in VERDICTS:
            raise ValueError(f"In '{csv_path}' is no answer: {row}. Mend it, or name another file.")
    return tally(rows)
