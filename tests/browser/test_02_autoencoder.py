import re
import statistics

from playwright.sync_api import expect

from tests.browser.conftest import BUILD, photograph

PIXELS = """canvas => Array.from(
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
)"""
CLEAR = """document.querySelectorAll('[data-milliseconds]').forEach(
    element => delete element.dataset.milliseconds
)"""


def test_the_training_is_seen_and_the_point_moves_on_the_latent_plane(chapter):
    page = chapter("02_autoencoder", seconds=300)

    bars = page.get_by_text(
        "100%|"
    ).all_text_contents()  # one for each training, refreshed in place
    assert len(bars) == 2 and all("loss=" in bar for bar in bars)

    plane, picture = page.locator(".plane-field"), page.locator(".plane-picture")
    plane.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    photograph(page, "02_before_the_move")
    box, milliseconds, seen = plane.bounding_box(), [], set()
    answered = page.locator("[data-milliseconds]")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    answered.wait_for()
    for step in range(20):
        page.evaluate(CLEAR)
        page.mouse.move(
            box["x"] + box["width"] * (0.05 + 0.045 * step),
            box["y"] + box["height"] * (0.9 - 0.04 * step),
        )
        answered.wait_for()
        milliseconds.append(float(answered.get_attribute("data-milliseconds")))
        seen.add(tuple(picture.evaluate(PIXELS)))
    page.mouse.up()
    assert len(seen) > 15  # other places have other pictures
    assert picture.evaluate("canvas => canvas.getBoundingClientRect().width") > 200
    times = f"median {statistics.median(milliseconds):.0f} ms, largest {max(milliseconds):.0f} ms"
    summary = f"latent plane, from a move to the new picture: {times}"
    print(summary)
    (BUILD / "02_latent_plane.txt").write_text(summary + "\n")

    def code():
        return [
            float(number)
            for number in re.findall(r"-?\d+\.\d+", page.locator(".plane-place").inner_text())
        ]

    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for key, axis, sign in (
        ("ArrowLeft", 0, -1),
        ("ArrowRight", 0, 1),
        ("ArrowUp", 1, 1),
        ("ArrowDown", 1, -1),
    ):
        before = code()
        for _ in range(3):
            page.keyboard.press(key)
        after = code()
        assert sign * (after[axis] - before[axis]) > 0 and after[1 - axis] == before[1 - axis]
    page.mouse.click(box["x"] + 5, box["y"] + 5, button="right")
    assert code() == after  # only the left button moves the point
    page.keyboard.press("Escape")
    photograph(page, "02_after_the_move")
