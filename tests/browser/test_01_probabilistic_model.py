from playwright.sync_api import expect

from tests.browser.conftest import photograph


def test_the_class_chooser_draws_another_digit(chapter):
    page = chapter("01_probabilistic_model")
    widget = page.locator(".chooser-names")
    widget.scroll_into_view_if_needed()
    picture = page.locator(".chooser-picture")
    expect(picture).to_be_visible()
    photograph(page, "01_before_the_click")

    first = picture.get_attribute("src")
    widget.get_by_role("button", name="7", exact=True).click()
    expect(picture).not_to_have_attribute("src", first)
    photograph(page, "01_after_the_click")

    seven = picture.get_attribute("src")
    widget.get_by_role("button", name="Draw again").click()
    expect(picture).not_to_have_attribute("src", seven)
    assert picture.evaluate("image => image.naturalWidth") > 300
