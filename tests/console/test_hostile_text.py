"""Text from a captured disk, in every field of every screen, is text and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from receiver.destinations.contract import Rejected, Retry
from shared.models.hunts import HuntState
from tests.console.filled import HOSTILE, SETTINGS, House
from tests.console.reading import read

KEY = "system/i-0aaaaaaaaaaaaaa04/1"
SENT = HOSTILE.replace("\ud83d", "")  # what comes by HTTP was decoded, so it has no half of a pair
# Characters that have no business in a page: they reverse text, hide it, or control a terminal.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def house(make_console):
    console = make_console(**SETTINGS)
    house = House(console, HOSTILE)
    house.tools["soc"].outcomes = [Retry(SENT, after=60)]
    house.tools["tickets"].outcomes = [Rejected(SENT)]
    house.tools["tickets"].ref = SENT
    house.alarm(4)
    house.alarm(5, malicious=0)
    house.hunt("weekly", state=HuntState.FAILED, reason=HOSTILE, problems=(HOSTILE,), left_out=(HOSTILE,))
    hostile = house.console.client("responder", SENT[:100])
    hostile.post(f"/cases/{KEY}", data={"do": "take"}, headers={"Sec-Fetch-Site": "same-origin"})
    house.console.post(f"/cases/{KEY}", data={"do": "close", "verdict": "benign", "why": SENT})
    house.run()
    return house


PAGES = [
    "/",
    "/cases",
    "/cases?state=closed",
    f"/cases/{KEY}",
    "/cases/system/i-0aaaaaaaaaaaaaa05/1",
    "/deliveries",
]


@pytest.mark.parametrize("path", PAGES)
def test_it_appears_only_escaped(house, path):
    response = house.console.get(path)
    page = read(response)
    assert "alert('owned')" in page.text.replace("’", "'"), "the hostile text must be on the page"
    assert "<script>alert" not in page.html
    assert "onerror=alert(2)>" not in page.html
    assert not FORBIDDEN.search(page.html)
    assert page.all("img") == []
    assert "49" not in page.texts("td"), "a template was evaluated"


def test_what_a_person_typed_into_a_filter_is_escaped(house):
    for query in ("system", "taken_by", "destination", "hunt", "state", "severity", "page"):
        for path in ("/cases", "/deliveries"):
            response = house.console.get(path, query_string={query: SENT[:150]})
            page = read(response, 400 if query == "page" else 200)
            assert "<script>alert" not in page.html
            assert not FORBIDDEN.search(page.html)


def test_the_json_is_valid(house):
    for path in ("cases", "events", "deliveries", "hunts", "status"):
        response = house.console.get(f"/api/v1/{path}")
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        assert json.loads(response.get_data())
    assert house.console.get("/api/v1/case", query_string={"key": KEY}).json["why"].startswith("<script>")
