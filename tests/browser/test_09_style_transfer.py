"""The easel of chapter 09: the picture grows until it is stopped."""

from playwright.sync_api import expect

from tests.browser.conftest import photograph


def test_the_easel(chapter):
    page = chapter("09_style_transfer", seconds=600)
    picture, text = page.locator(".easel-picture"), page.locator(".easel-text")
    expect(picture).to_have_count(1)
    picture.scroll_into_view_if_needed()
    size = picture.evaluate("canvas => [canvas.width, canvas.height]")
    assert max(size) == 128
    before = text.inner_text()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(text).not_to_have_text(before, timeout=120_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_timeout(3_000)  # the last answer is on its way
    stopped = text.inner_text()
    page.wait_for_timeout(2_000)
    assert text.inner_text() == stopped
    page.get_by_title("Style", exact=True).select_option("0")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(text).not_to_have_text(stopped, timeout=120_000)
    photograph(page, "09_painting")
    page.get_by_role("button", name="Stop", exact=True).click()
