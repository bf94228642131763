"""The tables of measured runs: what is missing is measured, and nothing else."""

import pytest

from benchmarks.tables import fill_table, read_rows, write_rows

KEY, FOUND = ("way", "seed"), ("score",)


@pytest.fixture
def measured():
    return []


@pytest.fixture
def measure(measured):
    def measure(run):
        measured.append(run)
        if run == ("bad", "1"):
            raise KeyboardInterrupt
        return {"score": len(measured)}

    return measure


def test_only_missing_runs_are_measured_and_old_ones_dropped(tmp_path, measured, measure):
    table = tmp_path / "table.csv"
    rows = [{"way": "old", "seed": "1", "score": 7}, {"way": "b", "seed": "1", "score": 8}]
    write_rows(table, (*KEY, *FOUND), rows)
    wanted = [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]
    fill_table(table, KEY, FOUND, wanted, measure, most=2)
    assert measured == [("a", "1"), ("c", "1")]
    kept = [(row["way"], row["seed"], row["score"]) for row in read_rows(table)]
    assert kept == [("a", "1", "1"), ("b", "1", "8"), ("c", "1", "2")]
    fill_table(table, KEY, FOUND, wanted, measure, most=9)
    assert measured[2:] == [("d", "1")] and len(read_rows(table)) == 4


def test_a_run_that_is_stopped_loses_only_itself(tmp_path, measure):
    table, wanted = tmp_path / "table.csv", [("a", "1"), ("bad", "1"), ("c", "1")]
    with pytest.raises(KeyboardInterrupt):
        fill_table(table, KEY, FOUND, wanted, measure, most=9)
    assert [row["way"] for row in read_rows(table)] == ["a"]
