"""What the tests of the benchmarks that train, score and store pictures share."""

from benchmarks.tables import read_rows


def check_it_goes_on_and_scores_again(
    benchmark, lesson, folder, monkeypatch, first, look, training, scoring, column
):
    """A table goes on where it stopped; then nothing is trained or written again without a need.

    After `first` rows there are no pictures; then `look(rows, pictures)` sees the whole table and
    the file. If only the code of the scores changes, all rows are scored again, without a training.

    Args:
        training: name of the benchmark's function that trains.
        scoring: (name, function) of the lesson that scores, replaced: `column` becomes 0.5.
    """
    code = {"scores": "old"}
    of_lesson = lambda _, left_out: "trained" if "scores_of" in left_out else code["scores"]
    monkeypatch.setattr(benchmark, "code_of", of_lesson)
    fill = lambda most: benchmark.fill(lesson, (1,), folder / "measured", folder / "kept", most)
    rows = lambda: read_rows(folder / f"measured/{benchmark.NAME}.csv")
    pictures = folder / f"measured/{benchmark.NAME}.npz"
    fill(first)
    wanted = [dict(zip(benchmark.KEY, run)) for run in benchmark.plan(lesson, (1,))]
    assert [{key: row[key] for key in benchmark.KEY} for row in rows()] == wanted[:first]
    assert len(wanted) > first and not pictures.exists()
    fill(100)
    look(rows(), pictures)

    def refuse(*_):
        raise AssertionError("this was trained before")

    monkeypatch.setattr(benchmark, training, refuse)
    before = rows(), pictures.read_bytes()
    fill(100)
    assert (rows(), pictures.read_bytes()) == before
    code["scores"] = "new"
    monkeypatch.setattr(lesson, *scoring)
    fill(100)
    assert [row[column] for row in rows()] == ["0.5" if row[column] else "" for row in before[0]]
