"""The coverage of a whole organization is stored and read alike on every side."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.models.coverage import Listing
from shared.models.fleet_coverage import FleetRow, OrganizationCoverage, Reason, Unread, Why
from shared.models.systems import System
from shared.models.vulnerabilities import FoundVulnerabilities, SystemVulnerabilities, Vulnerability
from shared.storage.ledger.fleet import ROWS
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.fleet import Uncovered
from shared.storage.queries.pages import BadToken
from shared.storage.queries.queries import Queries

DAY = date(2026, 11, 29)
AT = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
FAILED = Why(Reason.FAILED, "weekly", "no access to the key")
CAPTURED = Why(Reason.CAPTURED, "weekly")


def row(number: int, why: Why = FAILED) -> FleetRow:
    name = f"web-{number} \u00fc\u202e"
    return FleetRow(f"i-{number:017x}", why, name, DAY - timedelta(days=9), DAY - timedelta(days=40), DAY)


def test_a_place_is_read_as_it_was_stored(side) -> None:
    fleet = Ledger(side.store, side.now).fleet
    rows = [row(number, CAPTURED if number % 2 else FAILED) for number in range(2 * ROWS + 1)]
    assert fleet.save("prod", "us-east-1", DAY, rows) == 3
    parts = fleet.of_place("prod", "us-east-1")
    assert [row for part in parts for row in part.rows] == rows
    assert {(part.day, part.parts, part.unread) for part in parts} == {(DAY, 3, None)}
    assert fleet.save("prod", "us-east-1", DAY, rows[:1], unread=Unread.NO_ROLE, why="no") == 1
    (part,) = fleet.of_place("prod", "us-east-1")
    assert (part.rows, part.unread, part.unread_why) == (tuple(rows[:1]), Unread.NO_ROLE, "no")
    assert fleet.of_place("prod", "eu-west-1") == []
    for part in list(fleet.all()):
        fleet.delete(part)
    assert list(fleet.all()) == []


def test_pages_have_every_machine_once(side) -> None:
    ledger, ask = Ledger(side.store, side.now), Queries(side.store, side.now).fleet
    assert ask.uncovered().rows == ()
    ledger.listings.save(Listing(AT, organization=OrganizationCoverage(DAY, 35)))
    numbers = iter(range(10_000))
    for account in ("", "prod", "prod-2"):
        for region in ("eu-west-1", "us-east-1"):
            rows = [row(next(numbers), FAILED if at % 3 else CAPTURED) for at in range(ROWS + 50)]
            ledger.fleet.save(account, region, DAY, rows)
    for number in range(120):  # places where nothing runs
        ledger.fleet.save("empty", f"region-{number}", DAY)
    unread = [row(next(numbers))]
    ledger.fleet.save("prod", "ap-east-1", DAY, unread, unread=Unread.REGION_OFF, why="off")
    ledger.fleet.save("old", "us-east-1", DAY - timedelta(days=1), unread)
    found: list[Uncovered] = []
    page = ""
    while True:
        shown = ask.uncovered(limit=100, page=page)
        found += shown.rows
        page = shown.next
        if not page:
            break
    assert len(found) == len({each.system.instance for each in found}) == 6 * 166
    assert found == list(ask.every_uncovered())
    assert {each.why for each in found} == {"no access to the key"}
    assert [found[0].days, found[0].too_old, found[0].system.account] == [40, True, ""]
    with pytest.raises(BadToken):
        ask.uncovered(page="x")


def test_vulnerabilities_are_read_as_they_were_stored(side) -> None:
    records = Ledger(side.store, side.now).vulnerabilities
    web = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
    rows = tuple(Vulnerability(f"CVE-2026-{number}", "critical", in_use=True) for number in range(30))
    found = FoundVulnerabilities(critical=31, systems=1, new=2, since=AT)
    of_web = SystemVulnerabilities(web, critical=30, in_use=30, new=2, rows=rows, ids=("a", "b"))
    of_none = SystemVulnerabilities(None, critical=1, rows=rows[:1], ids=("c",))
    assert records.worst("weekly@x") is None
    records.save("weekly@x", found, [of_web, of_none])
    assert records.of_hunt("weekly@x") == {web.key: of_web, "": of_none}
    assert records.in_sum("weekly@x") == found
    whole = records.worst("weekly@x")
    assert whole
    assert [len(each.rows) for each in whole.worst] == [10, 1]
