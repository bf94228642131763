"""The three runs of chapter 05's exercise: curves without names. The answers are in this file.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.mystery_runs

About half a minute on 2 cores. Writes `data/measured/mystery_runs.csv`.
"""

from benchmarks.failure_catalogue import chapter_at_lesson
from benchmarks.tables import MEASURED, write_rows

SEED = 7
TABLE = MEASURED / "mystery_runs.csv"
CURVES = (
    "generator_loss",
    "discriminator_loss",
    "real_accuracy",
    "fake_accuracy",
    "generator_gradient",
    "fake_spread",
)


def main() -> None:
    chapter = chapter_at_lesson()
    noisy = chapter.make_gan(chapter.article_targets, chapter.TINY, seed=SEED)
    runs = [
        chapter.mode_collapse(SEED, mended=False),
        chapter.watch("mystery", noisy, chapter.few),  # labels replaced by noise
        chapter.vanishing_gradient(SEED, mended=False),
    ]
    rows = []
    for run, (_, history) in enumerate(runs, 1):
        for n, step in enumerate(history["step"]):
            numbers = {name: f"{history[name][n]:.5g}" for name in CURVES}
            rows.append({"run": run, "step": step} | numbers)
    write_rows(TABLE, ("run", "step", *CURVES), rows)


if __name__ == "__main__":
    main()
