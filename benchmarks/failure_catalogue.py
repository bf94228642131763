"""Does each failure of chapter 05 show its symptom in three seeds of three, its remedy in none?

    COURSE_DATA_DIR=../shared/data python -m benchmarks.failure_catalogue

About 8 minutes on 2 cores. Runs the chapter's own functions at `lesson`, each failure and each
remedy with three seeds, and writes `data/measured/failure_catalogue.csv`, which the chapter reads:
what was seen, how long each run took, and a checksum of the chapter's code.
"""

import os
import time
from types import ModuleType

from benchmarks import tables
from helpers.course import start
from tools.notebooks.definitions import load_definitions

SEEDS = (1, 2, 3)
TABLE = tables.MEASURED / "failure_catalogue.csv"
COLUMNS = ("failure", "mended", "seed", "symptom", "steps", "seconds", "code")
NOT_USED = {"SavePictures", "train", "parts_of", "seconds_a_step", "multiplications", "generate"}
SETTINGS = {"LATENT", "RATES", "TINY", "TRIAL_STEPS", "HEAD_START", "SEED", "CATALOGUE"}


def code_of_chapter(chapter: ModuleType) -> str:
    """Return a checksum of the functions, classes and settings that a failure may use."""
    code = tables.definitions(chapter)
    unused = {name for name in code if name.isupper()} - SETTINGS | NOT_USED | {"mystery"}
    return tables.checksum(text for name, text in code.items() if name not in unused)


def chapter_at_lesson() -> ModuleType:
    """Return the chapter's definitions, with the pictures that its failures train on."""
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    chapter = load_definitions("05")
    chapter.few = chapter.scaled(tables.complete_clothes().train_images[:5_000])
    return chapter


def main() -> None:
    chapter = chapter_at_lesson()
    rows, code = [], code_of_chapter(chapter)  # now: an edit during the run must not change it
    for name, (failure, symptom) in chapter.CATALOGUE.items():
        for mended in (False, True):
            for seed in SEEDS:
                began = time.monotonic()
                _, history = failure(seed, mended)
                seconds = round(time.monotonic() - began, 1)
                seen = symptom(history), len(history["step"]), seconds
                rows.append(dict(zip(COLUMNS, (name, mended, seed, *seen, code))))
                print(rows[-1], flush=True)
    tables.write_rows(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
