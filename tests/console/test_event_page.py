"""The page of an event says of each finding whether people were told, and if not, by whose decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.models.known_good import KnownFinding
from shared.models.known_good_terms import Scope
from shared.models.severity import Severity
from shared.queues import items
from tests.console.filled import HOSTILE, SETTINGS
from tests.console.known_findings import KEY, House
from tests.console.reading import read
from tests.console.test_known_good import ENTRY

AGAIN = "Malicious File Detected: php_backdoor again"


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS))


def event(house):
    """The last alarm of the platform."""
    return house.runtime.queries.events.list(kind="processing_with_alarms").rows[0]


def page(house, id=""):
    return read(house.console.get(f"/events/{id or event(house).id}", role="viewer"))


def close_all(house, scope):
    """Close the case so that the malicious finding is known good too."""
    fields = read(house.console.get(f"/cases/{KEY}", role="responder")).form("Close").fields
    malicious = [value for name, value in fields if name == "malicious"]
    house.close(scope=scope, shown=dict(fields)["shown"], malicious=malicious)


def test_a_withheld_finding_is_explained(house):
    house.capture()
    first = event(house).id
    house.close()
    house.capture()
    withheld = page(house)
    (entry,) = (row.entry for row in house.runtime.queries.known_good.list().rows)
    told, known = withheld.rows()
    assert "told: it was found before, and its case is closed or it was withheld" in told
    assert f"{AGAIN} /var/log/x withheld: known good" in known
    assert "by Mara Lindqvist until 2027-02-27 10:43 UTC: our own tool" in known
    assert "known good on i-0aaaaaaaaaaaaaa04: the case that was closed" in known
    assert entry.id in known
    assert {f"/cases/{KEY}", "/rules#known-good"} <= set(withheld.links())
    assert "Told at soc, tickets." in withheld.text
    assert "huntbridge why" in withheld.text
    # The events before stay as they were, and the timeline leads to each of them.
    assert "told: this system never had it before" in page(house, first).text
    timeline = read(house.console.get(f"/cases/{KEY}"))
    assert {f"/events/{first}", f"/events/{event(house).id}"} <= set(timeline.links())
    assert "sent to soc, tickets · 1 known finding withheld" in timeline.text


def test_an_entry_that_covers_it_no_more_is_said_to_have_ended(house):
    house.capture()
    close_all(house, Scope.SYSTEM)
    house.capture()
    (row,) = house.runtime.queries.known_good.list().rows
    house.console.post("/rules/known-good", data={"id": row.entry.id, "why": "no"})
    assert "known good on i-0aaaaaaaaaaaaaa04, ended by Mara Lindqvist" in page(house).text
    house.capture()
    assert (
        "and it was in a message, since the known-good entry was ended by Mara Lindqvist" in page(house).text
    )


def test_what_is_known_everywhere_is_withheld_at_its_first_sight(house):
    house.capture()
    close_all(house, Scope.EVERYWHERE)
    house.pass_time(60)
    house.alarm(5)
    seen = page(house)
    assert "No message: all its findings are withheld." in seen.text
    assert all("this system never had it before" in row for row in seen.rows())
    assert "no case" in seen.text


def test_nothing_new_about_an_open_case(house):
    house.capture()
    house.capture()
    assert "No new message: nothing is new about the open case." in page(house).text
    assert "2 findings still there" in read(house.console.get(f"/cases/{KEY}")).text


def test_an_event_without_findings_and_one_that_does_not_exist(house):
    body = b'{"event": "admin_login", "title": "LOGIN", "message": "Ada logged in"}'
    id = house.runtime.events.put(items.encode(items.Webhook(body, house.runtime.now())))
    house.run()
    assert "Its findings were not compared with earlier ones" in page(house, id).text
    assert "There is no event nothing." in read(house.console.get("/events/nothing"), 404).text
    assert house.console.get(f"/events/{'x' * 3000}").status_code in (404, 414)


def test_hostile_text_appears_only_escaped(make_console):
    house = House(make_console(**SETTINGS), HOSTILE)
    house.capture()
    finding = KnownFinding("f1", HOSTILE, HOSTILE, Severity.SUSPICIOUS, 1)
    found = house.runtime.ledger.findings.of_system(ENTRY.system).findings
    known = tuple(replace(finding, fingerprint=mark, severity=Severity.MALICIOUS) for mark in found)
    house.runtime.ledger.known_good.add(replace(ENTRY, findings=known, by=HOSTILE, why=HOSTILE))
    house.capture()
    html = page(house).html
    assert "withheld: known good" in html
    assert "<script>alert" not in html
    assert "<img" not in html
