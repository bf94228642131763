"""The changing room: other garments from the rack, and a garment that is painted on the pad."""

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import photograph
from tests.browser.test_07_pix2pix import CLEAR, PIXELS


def test_the_changing_room(chapter):
    page = chapter("08_cyclegan", seconds=400)
    choosers, rack = page.locator(".chooser-names"), page.locator(".chooser-picture")
    expect(rack).to_have_count(1)
    rack.scroll_into_view_if_needed()
    photograph(page, "08_before_the_click")
    for name in ("Draw again", "sleeves off", "sleeves on"):
        before = rack.get_attribute("src")
        choosers.get_by_role("button", name=name, exact=True).click()
        expect(rack).not_to_have_attribute("src", before)
    sheet, picture = page.locator(".pad-sheet"), page.locator(".pad-picture")
    sheet.scroll_into_view_if_needed()
    answered = page.locator("[data-milliseconds]")

    def after(action):
        """Do something, wait for its answer, and return the sheet's and the picture's pixels."""
        page.evaluate(CLEAR)
        action()
        answered.wait_for()
        page.wait_for_timeout(300)  # a second answer may be on its way
        return sheet.evaluate(PIXELS), picture.evaluate(PIXELS)

    # The translation and the way back: two garments, each as large as the network's pictures.
    size = picture.evaluate("canvas => [canvas.width, canvas.height]")
    assert size == [56, 28]
    first = sheet.evaluate(PIXELS), picture.evaluate(PIXELS)
    other = after(lambda: page.get_by_title("Load a sketch").select_option("5"))
    assert other[0] != first[0] and other[1] != first[1]
    photograph(page, "08_another_shirt")

    def stroke():
        box = sheet.bounding_box()
        middle = box["y"] + 0.5 * box["height"]
        page.mouse.move(box["x"] + 0.4 * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=4)
        page.mouse.up()

    # At smoke the networks are nearly copies: what is painted is there in both pictures.
    page.get_by_role("button", name="Eraser").click()
    rubbed = after(stroke)
    assert rubbed[0] != other[0]
    both = [np.reshape(x[1], (28, 2, 28, 4))[..., 0].astype(int) for x in (other, rubbed)]
    change = np.abs(both[1] - both[0])
    assert change[12:16, :, 11:17].mean(axis=(0, 2)).min() > change.mean(axis=(0, 2)).max()
    photograph(page, "08_after_the_stroke")
