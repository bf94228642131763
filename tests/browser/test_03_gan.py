"""Chapter 03: points drawn in the GAN laboratory and played for; twenty answers in the quiz, by
buttons and keys, and the file that they go to. The chapter is opened once for both.
"""

import csv
import re

from playwright.sync_api import expect
from scipy.stats import binomtest

from helpers.widgets.quiz import HEADER
from tests.browser.conftest import photograph

LOOK = 450  # milliseconds; for shorter than 400 the quiz takes no answer
CELLS = """() => [
    document.querySelector('#jp-main-statusbar').innerText.match(/Cell \\d+\\/\\d+/)[0],
    document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-active')
        .className.match(/jp-[A-Z][a-z]+Cell/)[0],
]"""  # which cell is active, how many there are, and its kind
PICTURE = "canvas => canvas.toDataURL()"
GREEN = """canvas => {
    const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const words = new Uint32Array(bytes.buffer);
    return words.filter(word => word === 0xff2ca02c).length;
}"""  # pixels that are as green as a point
PIXELS = """canvas => Array.from(
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
)"""


def answers_in(folder):
    """Return the rows of the one file below the folder that holds answers; [] if there is none."""
    files = [
        path
        for path in folder.glob("lab[0-9]*/results/**/*.csv")
        if path.read_text().startswith(HEADER)
    ]
    assert len(files) <= 1
    return list(csv.DictReader(files[0].open())) if files else []


def test_the_laboratory_plays_and_the_quiz_is_answered(chapter, tmp_path_factory):
    page = chapter("03_gan", seconds=300)
    use_the_laboratory(page)
    answer_the_quiz(page, tmp_path_factory.getbasetemp())


def use_the_laboratory(page):
    plane, text = page.locator(".lab-plane"), page.locator(".lab-text")
    lab = page.locator(".jp-OutputArea-output", has=plane)
    discriminator, generator, run, pause, restart, clear = (
        lab.get_by_role("button", name=name, exact=True)
        for name in (
            "Train discriminator",
            "Train generator",
            "Run",
            "Pause",
            "Restart networks",
            "Clear points",
        )
    )
    clear.scroll_into_view_if_needed()
    plane.scroll_into_view_if_needed()
    assert plane.evaluate("canvas => [canvas.clientWidth, canvas.clientHeight]") == [400, 400]
    box = plane.bounding_box()

    def draw(*shares):
        """Press at the first place, move to the others, release."""
        places = [(box["x"] + 400 * across, box["y"] + 400 * down) for across, down in shares]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=3)
        page.mouse.up()

    def press(button):
        """Press, and wait until text and picture are new."""
        old = text.inner_text(), plane.evaluate(PICTURE)
        button.click()
        expect(text).not_to_have_text(old[0], timeout=60_000)  # a new network is traced
        assert plane.evaluate(PICTURE) != old[1]

    clear.click()
    expect(text).to_contain_text("no points")
    for button in (discriminator, generator, run):  # without points nothing is trained
        button.click()
        expect(text).to_contain_text("no points")
    expect(run).to_be_visible()

    counts = [plane.evaluate(GREEN)]
    for places in ([(0.3, 0.7)], [(0.2, 0.2), (0.8, 0.2), (0.8, 0.6)]):  # a click, a stroke
        draw(*places)
        counts.append(plane.evaluate(GREEN))
    assert counts[0] == 0 and 40 < counts[1] < 120 and counts[2] > 30 * counts[1]
    expect(text).not_to_contain_text("no points")
    press(discriminator)
    press(generator)
    photograph(page, "03_laboratory_one_by_one")

    seen = set()
    run.click()
    for _ in range(600):
        seen.add(text.inner_text())
        if len(seen) > 10:
            break
        page.wait_for_timeout(100)
    assert len(seen) > 10
    draw((0.5, 0.9), (0.2, 0.9))  # while it runs
    pause.click()
    expect(run).to_be_visible()
    page.wait_for_timeout(2_000)  # for the answer that is on its way
    stopped = text.inner_text()
    page.wait_for_timeout(1_000)
    assert text.inner_text() == stopped
    photograph(page, "03_laboratory_after_a_run")
    press(restart)
    expect(text).to_contain_text(re.compile(r"step 0\b"))

    run.click()
    page.wait_for_timeout(500)
    clear.click()  # while it runs
    page.wait_for_timeout(1_000)
    expect(text).to_contain_text("no points")
    expect(run).to_be_visible()
    draw((0.5, 0.5))
    discriminator.focus()
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")  # on "Clear points"
    expect(text).to_contain_text("no points")
    expect(lab.locator("pre")).to_have_text("")  # no error


def answer_the_quiz(page, folder):
    quiz, head, score = (
        page.locator(".quiz"),
        page.locator(".quiz-head"),
        page.locator(".quiz-score"),
    )
    real, fake, again = (
        quiz.get_by_role("button", name=name) for name in ("Real", "Fake", "Start again")
    )
    picture = page.locator(".quiz-picture")
    quiz.scroll_into_view_if_needed()
    expect(head).to_have_text("Question 1 of 20")
    expect(again).to_be_hidden()
    assert 160 <= picture.evaluate("canvas => canvas.getBoundingClientRect().width") <= 230
    photograph(page, "03_before_the_quiz")

    seen, by_key = (
        set(),
        [
            lambda key=key: page.keyboard.press(key)
            for key in ("r", "ArrowLeft", "f", "ArrowRight", "R")
        ],
    )
    picture.click()  # gives the keys to the quiz
    cells = page.evaluate(CELLS)
    for number in range(1, 21):
        expect(head).to_have_text(f"Question {number} of 20")
        seen.add(tuple(picture.evaluate(PIXELS)))
        page.wait_for_timeout(LOOK)
        if number == 3:
            real.dblclick()  # one answer, not two
        elif number == 4:
            for _ in range(15):
                page.keyboard.down("f")  # held down: one answer too
            page.keyboard.up("f")
        else:
            [*by_key, real.click, fake.click][number % 7]()
        if number in (3, 4):
            page.wait_for_timeout(2 * LOOK)
        if number == 10:
            expect(head).to_have_text("Question 11 of 20")
            photograph(page, "03_in_the_quiz")
    expect(head).to_have_text("The end")
    assert len(seen) > 15
    for key in (
        "d",
        "d",
        "r",
        "ArrowDown",
        "ArrowUp",
    ):  # JupyterLab would delete the cell, make it raw, and leave it
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == cells
    photograph(page, "03_after_the_quiz")

    rows = answers_in(folder)
    assert [row["question"] for row in rows] == [str(number) for number in range(1, 21)]
    assert [row["truth"] for row in rows].count("real") == 10 and len(
        {row["session"] for row in rows}
    ) == 1
    assert [row["answer"] for row in rows[2:4]] == ["real", "fake"] and min(
        float(row["seconds"]) for row in rows
    ) > 0.4
    right = sum(int(row["correct"]) for row in rows)
    low, high = binomtest(right, 20).proportion_ci(method="wilson")
    expect(score).to_contain_text(f"{right} of 20 right ({5 * right} %)")
    expect(score).to_contain_text(f"95 % interval: {100 * low:.0f} % to {100 * high:.0f} %")
    expect(score).to_contain_text(re.compile("50 % lies (inside of|above|below)"))
    expect(page.locator(".quiz-problem")).to_have_text("")

    page.wait_for_timeout(LOOK)
    again.click()
    expect(head).to_have_text("Question 1 of 20")
    expect(real).to_be_visible()
    page.wait_for_timeout(LOOK)
    page.keyboard.press("f")  # the keys are still the quiz's
    expect(head).to_have_text("Question 2 of 20")
    rows = answers_in(folder)
    assert len(rows) == 21 and len({row["session"] for row in rows}) == 2
