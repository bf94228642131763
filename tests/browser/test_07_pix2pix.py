"""The sketch pad: a stroke on the sheet changes the picture beside it.

How long that takes is written to build/browser.
"""

import statistics

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import BUILD, photograph

PIXELS = """canvas => Array.from(
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
)"""
CLEAR = """document.querySelectorAll('[data-milliseconds]').forEach(
    element => delete element.dataset.milliseconds
)"""


def test_a_stroke_changes_the_coloured_picture(chapter):
    page = chapter("07_pix2pix", seconds=400)
    sheet, picture = page.locator(".pad-sheet"), page.locator(".pad-picture")
    sheet.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    photograph(page, "07_before_the_stroke")
    answered, milliseconds = page.locator("[data-milliseconds]"), []

    def after(action):
        """Do something, wait for its answer, and return the sheet's and the picture's pixels."""
        page.evaluate(CLEAR)
        action()
        answered.wait_for()
        milliseconds.append(float(answered.get_attribute("data-milliseconds")))
        page.wait_for_timeout(300)  # a second answer may be on its way
        return sheet.evaluate(PIXELS), picture.evaluate(PIXELS)

    def stroke(*places):
        box = sheet.bounding_box()
        spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        page.mouse.move(*spots[0])
        page.mouse.down()
        for spot in spots[1:]:
            page.mouse.move(*spot, steps=4)
        page.mouse.up()

    first = sheet.evaluate(PIXELS), picture.evaluate(PIXELS)
    colours = np.reshape(first[1], (-1, 4)).astype(int)
    # A coloured picture is there without any training.
    assert np.abs(colours[:, 0] - colours[:, 2]).max() > 60
    empty = after(lambda: page.get_by_role("button", name="Clear").click())
    assert set(empty[0]) == {255} and empty[1] != first[1]
    outline = [(0.3, 0.1), (0.7, 0.1), (0.7, 0.9), (0.3, 0.9), (0.3, 0.1)]
    drawn = after(lambda: stroke(*outline))
    assert drawn[0].count(0) > 1000 and drawn[1] != empty[1]
    lines = drawn
    page.get_by_role("button", name="Pencil").click()
    for row in range(3, 9):  # horizontal hatching
        lines = after(lambda row=row: stroke((0.33, row / 10), (0.67, row / 10)))
    assert lines[1] != drawn[1] and lines[0].count(115) > 500
    undone = after(lambda: page.get_by_role("button", name="Undo").click())
    assert undone[0].count(115) < lines[0].count(115) and undone[1] != lines[1]
    page.get_by_role("button", name="Eraser").click()
    rubbed = after(lambda: stroke((0.2, 0.1), (0.8, 0.1)))
    assert rubbed[0].count(0) < undone[0].count(0)
    photograph(page, "07_after_the_strokes")
    page.get_by_role("button", name="Pen", exact=True).click()
    page.get_by_role("button", name="Clear").click()
    two_fingers(page, sheet)
    # The second finger, or the hand beside the pen, draws nothing.
    assert 0 < sheet.evaluate(PIXELS).count(0) < 0.05 * len(drawn[0])
    loaded = after(lambda: page.get_by_title("Load a sketch").select_option("3"))
    assert loaded[0] != rubbed[0] and loaded[1] != rubbed[1]
    photograph(page, "07_a_sketch_loaded")
    times = f"median {statistics.median(milliseconds):.0f} ms, largest {max(milliseconds):.0f} ms"
    summary = f"sketch pad, from a stroke to the picture: {times}"
    print(summary)
    (BUILD / "07_sketch_pad.txt").write_text(summary + "\n")


def two_fingers(page, sheet):
    """Draw a short line with one finger while another one lies far away."""
    sheet.evaluate("""sheet => {
        const box = sheet.getBoundingClientRect();
        const send = (kind, pointerId, x, y) => sheet.dispatchEvent(new PointerEvent(kind, {
            pointerId, pointerType: 'touch', button: 0, bubbles: true, cancelable: true,
            clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
        sheet.setPointerCapture = () => {};  // these events come from no real pointer
        send('pointerdown', 7, 0.2, 0.2);
        send('pointerdown', 8, 0.9, 0.9);
        for (let n = 0; n < 10; n++) {
            send('pointermove', 7, 0.2 + n / 100, 0.2);
            send('pointermove', 8, 0.9, 0.9);
        }
        send('lostpointercapture', 7, 0.3, 0.2);
        send('lostpointercapture', 8, 0.9, 0.9);
    }""")
