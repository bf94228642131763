"""JupyterLab as `make lab` starts it, and Debian's Chromium driven by Playwright."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from helpers.course import ROOT

BUILD = ROOT / "build/browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STARTING_TIME = 180  # seconds
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
ALL_CELLS_RAN = r"""() => {
    const widget = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
    const prompts = [...widget.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
        .map(prompt => prompt.textContent);
    const failed = widget.querySelector("[data-mime-type='application/vnd.jupyter.stderr']");
    const done = failed || /\[\d+\]/.test(prompts[prompts.length - 1]);
    const waiting = prompts.some(text => text.includes('*'));
    return done && !waiting && document.body.innerText.includes('| Idle');
}"""


@pytest.fixture(scope="session", autouse=True)
def no_course_variables():
    """Take the place of the other tests' fixture: a browser needs this machine's variables."""


@pytest.fixture(autouse=True)
def plain_environment():
    """Take the place of the other tests' fixture: a browser needs this machine's network."""


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window. Its absence is a failure, never a skipped test."""
    path = os.environ.get("COURSE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None or not shutil.which(path):
        looked = f"No browser found (looked for {', '.join(BROWSERS)})."
        install = "Install one, on Debian and Ubuntu with: apt install chromium."
        other = "Or set COURSE_BROWSER to the program of a Chromium that you have."
        pytest.exit(f"{looked} {install} {other}", returncode=1)
    from playwright.sync_api import sync_playwright

    # Chromium refuses to start its sandbox for root.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = [*QUIET, "--no-sandbox"] if is_root else QUIET
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=options)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab_address(tmp_path_factory):
    """Start `make lab` without a display, and return the address that it prints.

    Autosave is off: no notebook changes.
    """
    folder = tmp_path_factory.mktemp("lab")
    settings = folder / "settings/@jupyterlab/docmanager-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"autosave": false}')
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    env = {name: value for name, value in os.environ.items() if name not in displays}
    env |= {
        "COURSE_BUDGET": "smoke",
        "COURSE_RESULTS_DIR": str(folder / "results"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    log = folder / "log.txt"
    with log.open("w") as out:
        output = {"stdout": out, "stderr": subprocess.STDOUT}
        lab = subprocess.Popen(["make", "lab"], cwd=ROOT, env=env, start_new_session=True, **output)
    try:
        end = time.monotonic() + STARTING_TIME
        while not (found := re.search(r"Open (http://\S+)", log.read_text())):
            if lab.poll() is not None or time.monotonic() > end:
                pytest.fail(f"`make lab` printed no address:\n{log.read_text()}", pytrace=False)
            time.sleep(0.2)
        yield found.group(1)
    finally:
        os.killpg(lab.pid, signal.SIGINT)
        try:
            lab.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(lab.pid, signal.SIGKILL)


@pytest.fixture
def chapter(request, browser, lab_address):
    """Return a function that opens a notebook and runs all its cells.

    No cell may fail or write to stderr. The argument `watch` is a function of the page, called
    while the cells run. The page is photographed at the end.
    """
    opened = []

    def open_and_run(name, seconds=120, folder="notebooks", watch=None):
        path = ROOT / folder / f"{name}.ipynb"
        opened.append((path, path.read_bytes()))
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.append(page)
        page.set_default_timeout(30_000)
        address = re.sub(r"lab/tree/[^?]+", f"lab/tree/{folder}/{name}.ipynb", lab_address)
        page.goto(f"{address}&reset")  # no tabs of an earlier page
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        run_all_cells(page, seconds, watch)
        failed = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
        assert not failed, f"{name} wrote errors: {failed[0][:2000]}"
        return page

    yield open_and_run
    for thing in opened:
        if isinstance(thing, tuple):
            assert thing[0].read_bytes() == thing[1], f"{thing[0].name} was changed by being read"
        else:
            photograph(thing, request.node.name)
            thing.close()


def run_all_cells(page, seconds, watch=None):
    """Clear the stored outputs, choose Run > Run All Cells, and wait until all cells ran.

    Cells after one that failed keep an empty number.
    """
    choose(page, "Edit", "Clear Outputs of All Cells")
    choose(page, "Run", "Run All Cells")
    if watch:
        watch(page)
    page.wait_for_function(ALL_CELLS_RAN, timeout=seconds * 1000, polling=500)


def choose(page, menu, entry):
    """Choose an entry of JupyterLab's menus."""
    for name in (menu, entry):
        page.get_by_role("menuitem", name=name, exact=True).click()


def photograph(page, name):
    BUILD.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=BUILD / f"{name}.png")
