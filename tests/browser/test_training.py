"""A training in JupyterLab: one bar, one grid, one plot, refreshed in place; and shown again."""

import re

import nbformat
from playwright.sync_api import expect

from tests.browser.conftest import BUILD, ROOT, photograph

TRAIN = """
import time
import numpy as np
import tensorflow as tf
from helpers.training import Training

rng = np.random.default_rng(0)

def train():
    samples = lambda: rng.random((16, 28, 28))
    run = Training("04_dcgan/browser", 160, 20, samples, count=tf.Variable(0))
    run.resume()
    for step in range(run.step + 1, 161):
        time.sleep(0.05)
        run.update(generator_loss=1 / step, discriminator_loss=1.0 if step < 70 else np.nan)

train()
"""


def pictures(page):
    return page.locator(".jp-OutputArea-output img")


def test_a_training_is_shown_while_it_runs_and_again_when_it_is_complete(chapter):
    seen = []

    def watch(page):
        page.get_by_text(re.compile(r"[45]\d%\|")).first.wait_for()
        for _ in range(3):
            expect(pictures(page)).to_have_count(2)
            bar = page.get_by_text("%|").inner_text()
            seen.append((bar, pictures(page).first.get_attribute("src")))
            page.wait_for_timeout(1_100)
        photograph(page, "training_while_it_runs")

    BUILD.mkdir(parents=True, exist_ok=True)
    sources = TRAIN, "train()", "1 + 1"
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": ""}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, BUILD / "training.ipynb")
    page = chapter("training", folder=str(BUILD.relative_to(ROOT)), watch=watch)

    bars, grids = zip(*seen)
    assert len(set(bars)) == 3 and len(set(grids)) > 1  # they changed while the cell ran
    assert "<" in bars[0] and "generator_loss=" in bars[0]  # the time left, and the losses
    expect(pictures(page)).to_have_count(4)  # grid and curves, of the training, twice
    expect(page.get_by_text("Step 70: discriminator_loss is not finite")).to_have_count(2)
    expect(page.get_by_text("100%|")).to_have_count(1)
