from __future__ import annotations

from datetime import timedelta

import pytest

from receiver.destinations.contract import Rejected, Retry
from scheduler.day_counts import count_day
from shared.models.coverage import CoveredShare, Listing
from shared.models.hunts import HuntState
from shared.models.weeks import last_weeks
from shared.storage import kinds
from shared.storage.ledger.coverage import Listings
from shared.storage.ledger.refusals import RefusalCounts, Refused
from tests.console.filled import HOSTILE, SETTINGS, House
from tests.console.reading import Page, read


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS))


def overview(house: House, role: str = "responder") -> Page:
    return read(house.console.get("/", role=role))


def test_before_the_first_hunt_it_says_how_to_begin(house):
    page = overview(house)
    assert page.title == "No hunts yet"
    assert page.texts("h2") == ["Check the configuration", "Register the webhook", "Run the first hunt"]
    assert "weekly starts by itself: in 6 d 15 h" in page.text


def test_a_malicious_case_is_taken_from_the_overview(house):
    house.alarm(4)
    page = overview(house)
    assert page.title == "One thing needs you"
    assert "web-04 has a malicious alarm, and nobody has taken the case." in page.text
    form = page.form("Take it")
    answer = house.console.post(form.action, role="responder", data=dict(form.fields))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = overview(house)
    assert "You have taken the case. soc, tickets will get a message." in page.text
    assert page.title == "All is well"
    assert "0 open, 1 taken" in page.text


def test_a_viewer_has_a_link_instead_of_the_button(house):
    house.alarm(4)
    page = overview(house, "viewer")
    assert [form for form in page.forms if "/cases" in form.action] == []
    assert "See it" in page.texts("a")


def test_more_malicious_cases_than_lines_are_counted(house):
    for evidence in range(10, 18):
        house.alarm(evidence)
    page = overview(house)
    assert page.title == "Six things need you"
    assert "3 more malicious cases not taken." in page.text
    assert "8 not closed, worst first" in page.text


def test_a_failing_destination_and_dead_letters(house):
    house.tools["tickets"].outcomes = [
        Retry("503 Service Unavailable", after=600),
        Rejected("no such project"),
    ]
    house.alarm(4, malicious=0)
    house.pass_time(60)
    page = overview(house)
    assert "tickets (Jira) is failing: 503 Service Unavailable." in page.text
    assert "1 message waits" in page.text
    assert "1 of 3 failing" in page.texts("dd")
    house.pass_time(600)
    house.pass_time(5)
    page = overview(house)
    assert "1 message to tickets could not be delivered." in page.text
    assert "is failing" not in page.text


def test_the_last_hunt_and_a_failed_one(house):
    house.hunt("weekly", state=HuntState.FAILED, reason="the key was refused")
    page = overview(house)
    assert "The last run of weekly failed." in page.text
    assert "the key was refused" in page.text
    assert "/hunts/weekly@2026-11-29T09:42:07Z" in page.links()


def test_a_failing_job_of_the_timer(house):
    body = {"since": "2026-11-29T09:42:07+00:00", "times": 12, "reason": "no answer", "told": False}
    house.runtime.ledger.notes.save(kinds.JOB_NOTES, "follow", body)
    page = overview(house)
    assert "The timer’s job follow has failed 12 times: captures are not followed." in page.text
    assert "failing" in page.texts("dd")


def test_webhooks_that_lead_elsewhere(house):
    house.runtime.ledger.notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": True, "times": 1})
    assert "The platform’s webhooks do not lead here as they should." in overview(house).text


def test_refused_webhooks_are_shown_with_their_count_the_newest_reason_and_what_to_do(house):
    house.alarm(4)
    assert "No webhook was refused in 24 hours." in overview(house).text
    counts = RefusalCounts(house.runtime.store, house.runtime.now)
    at = house.runtime.now()
    counts.add([Refused(401, 3, at - timedelta(minutes=2), "The token is missing or wrong.", "203.0.113.7")])
    counts.add([Refused(413, 1, at, HOSTILE, HOSTILE), Refused(418, 1, at, "", "")])
    house.pass_time(5)
    page = overview(house)
    assert "3 with a wrong token" in page.text
    assert "The token is missing or wrong." in page.text
    assert "register its webhooks again" in page.text
    assert "203.0.113.7" in page.text
    assert "1 too large" in page.text
    assert "5 webhooks refused in 24 hours" in page.text
    assert "5 refused in 24 h" in page.texts("dd")
    assert "<script>alert" not in house.console.get("/").get_data(as_text=True)


def test_what_happened_in_24_hours(house):
    house.alarm(4)
    house.alarm(5)
    assert "In 24 h" not in overview(house).text
    count_day(house.runtime)
    house.pass_time(5)
    page = overview(house)
    assert "2 events in the 24 hours until 10:42" in page.text
    raw = house.console.get("/").get_data(as_text=True)
    assert raw.count('data-l="In 24 h">2<') == 2  # soc and tickets
    assert raw.count('data-l="In 24 h">0<') == 1  # office


def test_the_coverage_of_twelve_weeks(house):
    house.hunt("weekly")
    week = last_weeks(house.runtime.now(), 2)[0]
    listing = Listing(house.runtime.now(), weeks={week: CoveredShare(3, 4), "2020-W01": CoveredShare(1, 1)})
    Listings(house.runtime.store).save(listing)
    house.pass_time(5)
    raw = house.console.get("/").get_data(as_text=True)
    chart = raw.partition('id="h-cov"')[2].partition("</table>")[0]
    rows = [[text(cell) for cell in row.split("<td")[1:]] for row in chart.split("<tr")[3:]]
    assert [row[-2] for row in rows] == ["75", "4", "1"]
    assert [row[0] for row in rows] == ["–", "–", "–"]
    assert chart.count("f-fault") == 1
    assert '<rect class="f-fault" y="0" width="100%" height="16.0"/>' in chart


def text(cell):
    return cell.partition(">")[2].partition("<")[0]


def test_all_is_well_says_what_comes_next(house):
    house.hunt("weekly")
    page = overview(house)
    assert page.title == "All is well"
    assert "The next one, weekly, starts Sunday 6 December, 02:00 UTC." in page.text
