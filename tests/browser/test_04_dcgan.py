"""The latent walk of chapter 04, by mouse and by arrow keys."""

import statistics

from playwright.sync_api import expect

from tests.browser.conftest import BUILD, photograph
from tests.browser.test_02_autoencoder import CLEAR
from tests.browser.test_03_gan import CELLS, PIXELS


def test_the_point_moves_between_the_ends_of_the_walk(chapter):
    page = chapter("04_dcgan", seconds=300)
    shape, picture, place = (
        page.locator(".walk-field"),
        page.locator(".walk-picture"),
        page.locator(".walk-place"),
    )
    shape.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    assert picture.evaluate("canvas => canvas.getBoundingClientRect().width") > 200
    photograph(page, "04_before_the_walk")

    box, milliseconds, seen, places = shape.bounding_box(), [], set(), set()
    answered = page.locator("[data-milliseconds]")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    answered.wait_for()
    for step in range(20):
        page.evaluate(CLEAR)
        page.mouse.move(
            box["x"] + box["width"] * (0.32 + 0.018 * step),
            box["y"] + box["height"] * (0.4 + 0.015 * step),
        )
        answered.wait_for()
        milliseconds.append(float(answered.get_attribute("data-milliseconds")))
        seen.add(tuple(picture.evaluate(PIXELS)))
        places.add(place.inner_text())
    assert len(seen) > 15 and len(places) > 10  # other places have other pictures
    # At the same corner all the time: each is answered, so that the walk does not wait for ever.
    for x in (0.9, 1, 1.1, 0.9, 1):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * 1.1)
    page.mouse.up()
    times = f"median {statistics.median(milliseconds):.0f} ms, largest {max(milliseconds):.0f} ms"
    summary = f"latent walk, from a move to the new picture: {times}"
    print(summary)
    (BUILD / "04_latent_walk.txt").write_text(summary + "\n")

    page.evaluate(CLEAR)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    answered.wait_for()
    cells = page.evaluate(CELLS)
    for key, back in (("ArrowLeft", "ArrowRight"), ("ArrowUp", "ArrowDown")):
        before = place.inner_text()
        for _ in range(3):
            page.keyboard.press(key)
        # On a line there is no up.
        if key == "ArrowLeft" or shape.evaluate("canvas => canvas.height > 200"):
            expect(place).not_to_have_text(before)
        for _ in range(3):
            page.keyboard.press(back)
        expect(place).to_have_text(before)
    assert page.evaluate(CELLS) == cells
    page.mouse.click(box["x"] + 5, box["y"] + 5, button="right")
    expect(place).to_have_text(before)  # only the left button moves the point
    page.keyboard.press("Escape")
    photograph(page, "04_after_the_walk")
