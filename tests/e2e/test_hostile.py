"""Text from a captured disk, in every field of every screen, does nothing in a real browser."""

from __future__ import annotations

import pytest

from demo.serving import serving
from receiver.destinations.contract import Rejected
from shared.models.hunts import HuntState
from tests.console.conftest import Console, make_console  # noqa: F401  (a fixture)
from tests.console.filled import HOSTILE, SETTINGS, House

SENT = HOSTILE.replace("\ud83d", "")


@pytest.fixture
def hostile(make_console) -> Console:  # noqa: F811
    console: Console = make_console(**SETTINGS)
    house = House(console, HOSTILE)
    house.tools["tickets"].outcomes = [Rejected(SENT)]
    house.alarm(4)
    house.alarm(5, malicious=0)
    house.hunt("weekly", state=HuntState.FAILED, reason=HOSTILE, problems=(HOSTILE,), left_out=(HOSTILE,))
    return console


def test_no_screen_runs_it(hostile, browser):
    paths = ["", "cases", "hunts", "coverage", "deliveries", "rules", "settings"]
    with serving(hostile.app) as url:
        context = browser.new_context()
        port = url.rsplit(":", 1)[1]
        cookie = hostile.client().get_cookie("huntbridge-80")
        assert cookie is not None
        context.add_cookies([{"name": f"huntbridge-{port}", "value": cookie.value, "url": url}])
        page = context.new_page()
        happened: list[str] = []

        def asked(dialog):
            happened.append(dialog.message)
            dialog.dismiss()

        def requested(request):
            if not request.url.startswith(url):
                happened.append(request.url)

        page.on("dialog", asked)
        page.on("request", requested)
        page.on("console", lambda line: happened.append(line.text) if line.type == "error" else None)
        page.goto(f"{url}/cases")
        for prefix in ("/cases/", "/hunts/"):
            page.goto(url + prefix.rstrip("/"))
            hrefs = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
            paths += [href.lstrip("/") for href in hrefs if href.startswith(prefix) and "?" not in href]
        assert len(paths) >= 10
        seen = 0
        for path in dict.fromkeys(paths):
            page.goto(f"{url}/{path}")
            assert page.locator("h1").count()
            seen += "alert('owned')" in page.content()
            assert page.locator("main img").count() == 0
            page.wait_for_timeout(100)
        context.close()
    assert seen >= 4, "the hostile text must be on the screens"
    assert happened == []
