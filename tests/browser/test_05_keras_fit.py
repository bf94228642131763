"""The kinds of targets of chapter 05: each button shows other costs."""

from playwright.sync_api import expect

from tests.browser.conftest import photograph


def test_the_kinds_of_targets_can_be_chosen(chapter):
    page = chapter("05_keras_fit", seconds=400)
    widget, picture = page.locator(".chooser-names"), page.locator(".chooser-picture")
    widget.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    seen = [picture.get_attribute("src")]
    for name in ("mended", "one_sided", "plain"):
        widget.get_by_role("button", name=name, exact=True).click()
        expect(picture).not_to_have_attribute("src", seen[-1])
        seen.append(picture.get_attribute("src"))
    assert len(set(seen)) == 4 and picture.evaluate("image => image.naturalWidth") > 400
    photograph(page, "05_costs")
