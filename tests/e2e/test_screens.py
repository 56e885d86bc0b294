"""Every screen of the console: for everybody, on a phone, without scripts, and light."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

SCREENS = (
    "",
    "cases",
    "hunts",
    "coverage",
    "coverage/machines",
    "coverage/leftovers",
    "deliveries",
    "rules",
    "rules/mute",
    "settings",
)
PREVIEW, CLOSING = "the preview of a mute", "what closing a case makes known good"
MAX_WEIGHT = 150_000  # bytes of a page with everything that it loads
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def session(browser: Browser, demo_url: str) -> tuple[str, StorageState]:
    """The console's address, and a session as the browser keeps it, after the hunt of the demo."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(demo_url)
    page.get_by_text("The hunt has ended").wait_for(timeout=120_000)
    page.goto(urljoin(page.url, "/console"))
    state = context.storage_state()
    console = urljoin(page.url, "/")
    context.close()
    return console, state


@pytest.fixture(scope="module")
def paths(browser: Browser, session) -> list[str]:
    """Every screen, also one case, one run, one event, and the form that mutes the alarms of the case."""
    console, state = session
    context = browser.new_context(storage_state=state)
    page = context.new_page()
    more = []
    for path, prefix in (("cases", "/cases/"), ("hunts", "/hunts/")):
        page.goto(console + path)
        links = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
        more += [link.lstrip("/") for link in links if link.startswith(prefix) and "?" not in link][:1]
    page.goto(console + more[0])
    links = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
    for prefix in ("/events/", "/rules/mute?"):
        more += [link.lstrip("/") for link in links if link.startswith(prefix)][:1]
    context.close()
    assert len(more) == 4
    return [*SCREENS, *more]


def look(browser: Browser, session, **options) -> tuple[BrowserContext, Page]:
    context = browser.new_context(storage_state=session[1], **options)
    return context, context.new_page()


def show(page: Page, console: str, path: str) -> None:
    """Go to a screen. Two of them are the answer to a form."""
    page.goto(console + {PREVIEW: "rules/mute", CLOSING: "cases"}.get(path, path))
    if path == PREVIEW:
        page.get_by_label("System:").fill("*a*")
        page.get_by_label("Until (UTC, required)").fill(f"{datetime.now(UTC) + timedelta(3):%Y-%m-%dT%H:%M}")
        page.get_by_label("Why (required)").fill("a test of the screens")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("button", name="Mute until").wait_for()
    if path == CLOSING:
        page.locator("tbody input[name=case]").first.check()
        page.locator("summary", has_text="Close…").click()
        page.get_by_label("Benign").check()
        page.get_by_label("Why (required)").fill("a test of the screens")
        page.get_by_role("button", name="Close the selected cases").click()
        page.get_by_role("link", name="Do not close").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_barrier_and_no_sideways_scroll(browser, session, paths, scheme, width):
    context, page = look(browser, session, color_scheme=scheme, viewport={"width": width, "height": 900})
    faults = []
    for path in [*paths, PREVIEW, CLOSING]:
        show(page, session[0], path)
        violations = Axe().run(page).response["violations"]
        faults += [
            (path, each["id"], each["nodes"][0]["html"][:200])
            for each in violations
            if each["impact"] in SERIOUS
        ]
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            faults.append((path, "scrolls sideways", wide))
    context.close()
    assert faults == []


def test_every_screen_works_without_scripts(browser, session, paths):
    context, page = look(browser, session, java_script_enabled=False)
    for path in paths:
        answer = page.goto(session[0] + path)
        assert answer is not None
        assert answer.status == 200
        assert page.locator("h1").first.inner_text().strip()
    context.close()


def test_a_page_is_light_and_loads_only_from_here(browser, session, paths):
    context, page = look(browser, session)
    for path in paths:
        sizes: dict[str, int] = {}

        def weigh(answer, sizes=sizes):
            sizes[answer.url] = len(answer.body())

        page.on("response", weigh)
        page.goto(session[0] + path, wait_until="networkidle")
        page.remove_listener("response", weigh)
        assert all(url.startswith(session[0]) for url in sizes), sizes
        assert sum(sizes.values()) <= MAX_WEIGHT, (path, sizes)
    context.close()
