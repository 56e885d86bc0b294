from __future__ import annotations

import pytest

from receiver.destinations.contract import Rejected, Retry
from tests.console.filled import SETTINGS, House
from tests.console.reading import read

SYSTEM = "prod/us-east-1/i-0aaaaaaaaaaaaaa04"


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS))


def page_of(house, query="", role="responder"):
    return read(house.console.get(f"/deliveries{query}", role=role))


def section(page, heading):
    """The text of the section with this heading."""
    (text,) = [text for text in page.texts("section") if text.startswith(heading)]
    return text


def test_before_the_first_message(house):
    page = page_of(house)
    assert page.title == "No deliveries yet"
    assert "huntbridge send-test" in page.text
    assert page.rows(0)[0].startswith("soc Slack, C0123456789 nothing sent yet")


def test_everything_is_delivered(house):
    house.alarm(4)
    page = page_of(house)
    assert page.title == "Everything is delivered"
    assert "Nothing is waiting after a failed attempt" in page.text
    assert "No dead letters" in page.text
    assert "https://jira.acme.example/browse/SEC-412" in page.links()


def test_what_waits_says_why_and_until_when(house):
    house.tools["tickets"].outcomes = [Retry("503 Service Unavailable", after=600)]
    house.alarm(4)
    page = page_of(house)
    assert page.title == "tickets is failing: 1 message waiting"
    waiting = section(page, "Waiting")
    assert "retrying 503 Service Unavailable" in waiting
    assert "30 Nov, 10:42" in waiting


def test_describe_dead_items_are_listed_with_the_reason(house):
    house.tools["tickets"].outcomes = [Rejected("400: no issue type Incident")]
    house.alarm(4)
    page = page_of(house)
    assert page.title == "1 dead"
    assert "400: no issue type Incident" in section(page, "What was sent")


def test_the_filters_of_the_history(house):
    house.alarm(4)
    house.alarm(5)
    house.tools["soc"].outcomes = [Retry("timeout")]
    house.alarm(6)

    def history(query):
        return section(page_of(house, query), "What was sent")

    assert history("?destination=tickets").count("delivered") >= 3
    assert "web-05" not in history(f"?system={SYSTEM}")
    assert "web-04" in history(f"?system={SYSTEM}")
    assert "timeout" in history("?state=waiting")
    assert "web-04" not in history("?state=waiting")
    assert "No delivery matches the filter" in history("?until=2026-11-28")
    assert "web-04" in history("?since=2026-11-29&until=2026-11-29")
    assert "web-04" in history("?since=nonsense&state=nonsense&until=9999-12-31")


def test_the_history_is_in_pages(house, monkeypatch):
    monkeypatch.setattr("console.views.deliveries.ROWS", 5)
    for number in range(10, 14):
        house.alarm(number, malicious=0)
    page = page_of(house)
    (following,) = [link for link in page.links() if "page=" in link]
    first, rest = section(page, "What was sent"), section(read(house.console.get(following)), "What was sent")
    assert first.count("event ") == 5
    assert rest.count("event ") == 3


@pytest.fixture
def dead(house):
    house.tools["tickets"].outcomes = [Rejected("400: no issue type Incident")]
    house.alarm(4)
    (entry,) = house.runtime.dead_items.entries()
    return entry.item.id


def handle(house, role="responder", **fields):
    return house.console.post("/deliveries", role=role, data=fields)


def test_a_dead_message_is_retried(house, dead):
    page = page_of(house)
    assert "400: no issue type Incident" in section(page, "Dead letters 1")
    assert page.form("Retry").buttons == ["Retry"]  # only an administrator discards
    answer = handle(house, do="retry", id=dead)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/deliveries#dead")
    page = page_of(house)
    assert "1 item put back: each is tried again at once." in page.text
    assert "No dead letters" in page.text
    house.pass_time(5)
    assert page_of(house).title == "Everything is delivered"
    handle(house, do="retry", id=dead)
    assert "1 item is not here any more: somebody else has handled it." in page_of(house).text


def test_a_dead_message_is_discarded_with_a_reason(house, dead):
    handle(house, "administrator", do="discard", id=dead, why=" ")
    page = page_of(house, role="administrator")
    assert "The reason is missing: say why the items are discarded. Nothing was changed." in page.text
    assert "Discard for good" in page.form("Retry").buttons
    handle(house, "administrator", do="discard", id=dead, why="the project is gone")
    page = page_of(house, role="administrator")
    assert "1 item discarded for good." in page.text
    assert house.runtime.dead_items.entries() == []
    entry = next(entry for entry in house.audit() if entry.action == "dead discard")
    assert (entry.by, entry.after["why"]) == ("Mara Lindqvist", "the project is gone")


@pytest.mark.parametrize(
    ("role", "do"), [("viewer", "retry"), ("viewer", "discard"), ("responder", "discard")]
)
def test_roles(house, dead, role, do):
    assert handle(house, role, do=do, id=dead, why="x").status_code == 403
    assert len(house.runtime.dead_items.entries()) == 1


def test_nothing_selected_and_nothing_to_do(house, dead):
    assert handle(house, id=dead).status_code == 400
    handle(house, do="retry")
    assert "No dead letter was selected" in page_of(house).text


def test_without_any_destination_the_page_says_so(make_console):
    page = make_console().get("/deliveries")
    assert page.status_code == 200
    assert "No destination is configured" in page.get_data(as_text=True)
