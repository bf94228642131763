"""The mystery runs of chapter 05: each button shows another run's curves."""

from playwright.sync_api import expect

from tests.browser.conftest import photograph


def test_the_mystery_runs_can_be_chosen(chapter):
    page = chapter("05_keras_fit", seconds=400)
    widget, picture = page.locator(".chooser-names"), page.locator(".chooser-picture")
    widget.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    seen = [picture.get_attribute("src")]
    for name in ("run 2", "run 3"):
        widget.get_by_role("button", name=name, exact=True).click()
        expect(picture).not_to_have_attribute("src", seen[-1])
        seen.append(picture.get_attribute("src"))
    assert len(set(seen)) == 3 and picture.evaluate("image => image.naturalWidth") > 600
    photograph(page, "05_mystery_run")
