"""`make console-pictures`: the demo's screens as the pictures in docs/pictures and docs/demo.png."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Page, sync_playwright

from tests.e2e import screens
from tests.e2e.running import CHROMIUM, FLAGS, ROOT, running_demo

DOCS = ROOT / "docs"
COUNTED_WITHIN = 80_000  # milliseconds until the events of the hunt are counted by technique


def address(page: Page, console: str, screen: str) -> str:
    """Where a screen is. One case and one run stand for all."""
    lists = {"case": ("cases", "/cases/"), "run": ("hunts", "/hunts/")}
    if screen not in lists:
        return urljoin(console, "" if screen == "overview" else screen)
    path, prefix = lists[screen]
    page.goto(urljoin(console, path))
    hrefs: list[str] = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
    return urljoin(console, next(href for href in hrefs if href.startswith(prefix) and "?" not in href))


def main() -> None:
    if not CHROMIUM:
        sys.exit("no pictures: there is no Chromium here")
    with (
        tempfile.TemporaryDirectory() as name,
        running_demo(Path(name)) as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        page = context.new_page()
        page.goto(demo)
        page.get_by_text("The hunt has ended").wait_for(timeout=120_000)
        page.wait_for_timeout(COUNTED_WITHIN)
        page.goto(urljoin(demo, "/console"))
        console = urljoin(page.url, "/")
        urls = {screen: address(page, console, screen) for screen in screens.SCREENS}
        for screen, url in urls.items():
            for scheme in screens.SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.goto(url)
                page.screenshot(path=DOCS / screens.picture(screen, scheme))
        page.emulate_media(color_scheme="light")
        page.goto(urls["overview"])
        page.screenshot(path=DOCS / screens.DEMO)
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(urls["case"])
        page.screenshot(path=DOCS / screens.PHONE)
        browser.close()


if __name__ == "__main__":
    main()
