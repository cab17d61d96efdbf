"""What several test modules share: the served page, and a browser on it."""

import os
import shutil
from concurrent.futures import Future

import pytest


@pytest.fixture(scope="session")
def recognizer():
    from digit_model import Recognizer

    return Recognizer.load()


@pytest.fixture(scope="session")
def visitors(recognizer):
    """The visitors of the served page, seen from the server."""
    from digit_model.runs import Visitors

    shipped = Future()
    shipped.set_result(recognizer)
    return Visitors(shipped)


@pytest.fixture(scope="session")
def url(visitors):
    """The address of the page, served in this process with the shipped network."""
    import app

    page = app.build_page(visitors)
    _, address, _ = app.launch(page, quiet=True)
    yield address
    page.close(verbose=False)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium: Debian's, or the one that PLAYWRIGHT_CHROMIUM names."""
    path = os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None and "BROWSER_TESTS" not in os.environ:
        pytest.skip("no Chromium here; set BROWSER_TESTS=required to fail instead")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()
