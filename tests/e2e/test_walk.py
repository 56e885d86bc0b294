"""The newcomer's walk through the demo in a real browser: a hunt, an alarm, a case, a broken destination."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

HUNT_WITHIN, MESSAGE_WITHIN = 90_000, 40_000  # milliseconds
WALK_WITHIN = 180  # seconds for the whole walk


class Walk:
    """The demo and the console in one browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.demo = urljoin(page.url, "/")
        page.goto(urljoin(self.demo, "console"))
        self.console = urljoin(page.url, "/")

    def see(self, path: str) -> None:
        self.page.goto(urljoin(self.demo, path))

    def open(self, path: str) -> None:
        self.page.goto(urljoin(self.console, path))

    def until(self, path: str, text: str | re.Pattern[str], within: int, *, console: bool = False) -> None:
        """Look at a page again and again until the text is there."""
        for _ in range(within // 500):
            self.open(path) if console else self.see(path)
            if self.page.get_by_text(text).count():
                return
            self.page.wait_for_timeout(500)
        raise AssertionError(f"{path} never showed {text}: {self.page.inner_text('main')[:2_000]}")


@pytest.fixture
def walk(page: Page) -> Walk:
    return Walk(page)


@pytest.mark.timeout(WALK_WITHIN)
def test_from_the_hunt_to_a_mended_destination(walk):
    page = walk.page
    walk.until("", re.compile("The hunt has ended"), HUNT_WITHIN)

    # The case is acknowledged in the console, and every tool shows it.
    walk.open("cases")
    page.get_by_role("link", name="web-01").first.click()
    case_url = page.url
    expect(page.get_by_role("heading", level=1)).to_contain_text("malicious")
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.get_by_role("button", name="Give back")).to_be_visible()
    walk.until("teams", re.compile("Taken by .*web-01"), MESSAGE_WITHIN)
    walk.see("slack")
    thread = page.locator("li", has_text="suspicious on web-01").get_by_role("link", name="Whole message")
    walk.until(thread.first.get_attribute("href") or "", re.compile("Taken by"), MESSAGE_WITHIN)
    page.goto(case_url)
    issue = page.get_by_role("link", name=re.compile(r"^SEC-\d+$")).first.inner_text()
    walk.until(f"jira/{issue}", re.compile("Taken by"), MESSAGE_WITHIN)

    # A case that is acknowledged in the simulated Slack is acknowledged in the console.
    walk.see("slack")
    message = page.locator("article", has_text="batch-07").filter(has=page.get_by_role("button")).first
    message.get_by_role("button", name="Acknowledge").click()
    walk.until("cases?owner=*", re.compile("batch-07"), MESSAGE_WITHIN, console=True)

    # Another is closed there, with terms that the dialog asks for. Then nothing of it is open in the console.
    walk.see("slack")
    message = page.locator("article", has_text="bastion")
    message.get_by_role("link", name="Close as…").click()
    page.get_by_label("Benign").check()
    page.get_by_role("button", name="Close the case").click()
    page.get_by_label("Why").fill("The administrators use sudo")
    page.get_by_role("button", name="Save").click()
    walk.until("rules", re.compile("The administrators use sudo"), MESSAGE_WITHIN, console=True)

    # The findings of a third are muted there.
    walk.see("slack")
    page.locator("article", has_text="ad-01").get_by_role("link", name="Mute…").click()
    page.get_by_label("7 days").check()
    page.get_by_role("button", name="Mute them").click()
    expect(page.get_by_text(re.compile("You muted .*ad-01"))).to_be_visible()
    walk.until("rules", re.compile("muted in Slack from the message of"), MESSAGE_WITHIN, console=True)

    # Jira breaks. The console shows with the reason that it cannot be told of an acknowledgement.
    walk.see("")
    page.get_by_role("button", name=re.compile("answers 503.*Jira")).click()
    walk.open("cases")
    page.get_by_role("link", name="ci-runner-3").first.click()
    page.get_by_role("button", name="Take", exact=True).click()
    walk.until("deliveries", re.compile("503"), MESSAGE_WITHIN, console=True)

    # Jira is mended, and what waited arrives.
    walk.see("")
    page.get_by_role("button", name="Mend Jira").first.click()
    walk.until("deliveries", re.compile("Everything is delivered"), 90_000, console=True)
