"""Clothes on demand: a button gives ten pictures of what was asked for."""

import base64
import io

import imageio.v3 as iio
import numpy as np
from playwright.sync_api import expect

from helpers import datasets, metrics
from tests.browser.conftest import photograph

BYTES = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}"""


def pictures(image):
    """Cut the ten pictures out of the sheet, as the reader sees them: grey (10, 28, 28)."""
    sheet = iio.imread(io.BytesIO(base64.b64decode(image.evaluate(BYTES))))[..., :3].mean(axis=2)
    dark = np.flatnonzero((sheet < 250).any(axis=1)), np.flatnonzero((sheet < 250).any(axis=0))
    sheet = sheet[dark[0][0] : dark[0][-1] + 1, dark[1][0] : dark[1][-1] + 1]
    edges = np.linspace(
        0, sheet.shape[1] + 2 * sheet.shape[0] / 28, 11
    )  # between two pictures is a gap of two of their pixels
    places = (np.arange(28) + 0.5) * sheet.shape[0] / 28
    return np.stack(
        [sheet[np.ix_(places.astype(int), (left + places).astype(int))] for left in edges[:10]]
    ).astype(np.uint8)


def test_clothes_on_demand(chapter, monkeypatch):
    page = chapter("06_cgan", seconds=300)
    choosers, image = page.locator(".chooser-names"), page.locator(".chooser-picture")
    expect(image).to_have_count(1)
    image.scroll_into_view_if_needed()
    monkeypatch.setenv("COURSE_DATA", "embedded")
    fashion = datasets.load("fashion_mnist")
    photograph(page, "06_before_the_click")
    assert metrics.class_accuracy(pictures(image), 0, fashion) >= 0.6  # T-shirts; the others 0.9
    for name, label in (("Trouser", 1), ("Ankle boot", 9)):
        before = image.get_attribute("src")
        choosers.get_by_role("button", name=name, exact=True).click()
        expect(image).not_to_have_attribute("src", before)
        assert metrics.class_accuracy(pictures(image), label, fashion) >= 0.8
    ten = image.get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    expect(image).not_to_have_attribute("src", ten)
    assert metrics.class_accuracy(pictures(image), 9, fashion) >= 0.8
    photograph(page, "06_after_the_click")
