import json
import os

import numpy as np
import pytest

from helpers import datasets
from helpers.results import record


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "some/where"))
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    monkeypatch.setattr(datasets, "_loaded", {"mnist": "folder"})
    return tmp_path / "some/where/smoke/folder"


def test_numbers_are_written_and_printed(folder, capsys):
    record("03_gan", fcd=np.float32(2.5), samples=np.int64(100), share=np.array([0.25]))
    written = json.loads((folder / "03_gan.json").read_text())
    assert written == {"fcd": 2.5, "samples": 100, "share": 0.25} == json.loads(capsys.readouterr().out)
    assert isinstance(written["samples"], int)
    assert os.listdir(folder) == ["03_gan.json"]


def test_a_tensor_is_a_number(folder):
    import tensorflow as tf

    record("03_gan", loss=tf.constant(0.5))
    assert json.loads((folder / "03_gan.json").read_text()) == {"loss": 0.5}


def test_an_older_record_is_replaced_as_a_whole(folder):
    record("03_gan", fcd=1.0, old=2)
    record("03_gan", fcd=3.0)
    assert json.loads((folder / "03_gan.json").read_text()) == {"fcd": 3.0}


@pytest.mark.parametrize(
    "loaded, name",
    [({}, "none"), ({"mnist": "embedded"}, "embedded"), ({"mnist": "folder", "fashion_mnist": "download"}, "download+folder")],
)
def test_the_folder_tells_the_source(folder, monkeypatch, loaded, name):
    monkeypatch.setattr(datasets, "_loaded", loaded)
    record("03_gan", fcd=1)
    assert (folder.parent / name / "03_gan.json").is_file()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("-inf")])
def test_numbers_that_are_not_finite(folder, value):
    with pytest.raises(ValueError, match="fcd is .*finite"):
        record("03_gan", fcd=value)
    assert not folder.exists()


@pytest.mark.parametrize("value", ["2.5", None, [1, 2], np.zeros(3), True, 1j])
def test_things_that_are_no_single_number(folder, value):
    with pytest.raises(TypeError, match="fcd is .*only single numbers"):
        record("03_gan", fcd=value)


@pytest.mark.parametrize("chapter", ["gan", "03_gan.ipynb", "../03_gan", "03_GAN", "", None, 3])
def test_names_of_another_form(folder, chapter):
    with pytest.raises(ValueError, match="notebook's name"):
        record(chapter, fcd=1)


def test_no_numbers(folder):
    with pytest.raises(ValueError, match="no numbers"):
        record("03_gan")


def test_a_results_folder_that_cannot_be_made(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")  # holds for root too, which may write into read-only folders
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "file"))
    with pytest.raises(OSError, match="Cannot write .*03_gan.json.*COURSE_RESULTS_DIR"):
        record("03_gan", fcd=1.5)
    assert json.loads(capsys.readouterr().out) == {"fcd": 1.5}  # nothing is lost: the numbers were printed


def test_a_failing_write_leaves_the_old_record_whole(folder, monkeypatch):
    from pathlib import Path

    record("03_gan", fcd=1.0)

    def full_disk(self, *_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full_disk)
        with pytest.raises(OSError, match="Cannot write .*No space left on device.*unchanged"):
            record("03_gan", fcd=2.0)
    assert json.loads((folder / "03_gan.json").read_text()) == {"fcd": 1.0}
    assert os.listdir(folder) == ["03_gan.json"]
