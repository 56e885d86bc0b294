"""A demo that runs in a process of its own, and Chromium to look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.running import CHROMIUM, FLAGS, running_demo


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link that `huntbridge demo` prints, while it runs."""
    with running_demo(tmp_path_factory.mktemp("demo")) as link:
        yield link


@pytest.fixture
def page(browser: Browser, demo_url: str) -> Iterator[Page]:
    """A page of the demo that is signed in. A script that fails, or a request to another host, fails the
    test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(demo_url)
    yield page
    context.close()
    assert faults == []
