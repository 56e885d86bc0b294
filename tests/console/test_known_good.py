"""Known-good findings in the console: the list, its end, and how often each entry was hit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.models.decisions import Verdict
from shared.models.known_good import Entry, KnownFinding
from shared.models.known_good_terms import Scope
from shared.models.severity import Severity
from shared.storage import audit
from tests.console.conftest import NOW
from tests.console.filled import HOSTILE, SETTINGS
from tests.console.known_findings import KEY, SYSTEM, House
from tests.console.reading import read

FINDING = KnownFinding("f1", "PUA.NetTool", "/opt/scan", Severity.SUSPICIOUS, 3)
ENTRY = Entry(
    "e1",
    Scope.SYSTEM,
    (FINDING,),
    "Ada",
    "our scanner",
    NOW,
    NOW + timedelta(days=90),
    Verdict.BENIGN,
    case=KEY,
    system=SYSTEM,
)


@pytest.fixture
def house(make_console):
    return House(make_console(**SETTINGS))


def rows(house, path="/rules", role="responder"):
    page = house.console.get(path, role=role).get_data(as_text=True)
    return read(house.console.get(path, role=role)).rows(1) if "known-good" in page else []


def add(house, *entries):
    for entry in entries:
        house.runtime.ledger.known_good.add(entry)


def test_the_page_says_what_where_whose_why_until_and_how_often(house):
    assert "Known good" not in house.console.get("/rules").get_data(as_text=True)
    house.capture()
    house.close()
    house.capture()
    house.capture()
    (row,) = rows(house)
    for part in (
        "Malicious File Detected: php_backdoor again /var/log/x",
        f"on {SYSTEM} benign, by Mara Lindqvist at",
        "our own tool",
        "2027-02-27 10:43",
    ):
        assert part in row
    assert f"/cases/{KEY}" in read(house.console.get("/rules")).links()


def test_each_event_counts_once(house):
    house.capture()
    house.close()
    house.capture()
    (known,) = house.runtime.queries.known_good.list().rows
    assert (known.hits, known.last_hit) == (1, house.runtime.now())
    event = house.runtime.queries.events.list(kind="processing_with_alarms").rows[0]
    house.runtime.ledger.known_good.hit(known.entry.id, event.id)
    assert house.runtime.queries.known_good.list().rows[0].hits == 1
    house.capture()
    assert house.runtime.queries.known_good.list().rows[0].hits == 2


def test_an_ended_entry_covers_nothing_and_the_log_says_who_ended_it(house):
    house.capture()
    house.close()
    (known,) = house.runtime.queries.known_good.list().rows
    house.pass_time(60)
    form = read(house.console.get("/rules", role="responder")).form("End this entry")
    assert ("id", known.entry.id) in form.fields
    sent = house.console.post(form.action, role="responder", data={"id": known.entry.id, "why": "not ours"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/rules#known-good")
    page = read(house.console.get("/rules", role="responder"))
    assert f"1 finding on {SYSTEM} send messages again when found." in page.text
    assert "ended by Mara Lindqvist" in page.rows(1)[0]
    assert "End this entry" not in [button for form in page.forms for button in form.buttons]
    entry = house.audit()[0]
    assert (entry.action, entry.by, entry.about) == (audit.KNOWN_GOOD_END, "Mara Lindqvist", KEY)
    assert entry.origin.startswith("the console")
    assert entry.before["known_good"] == known.entry.id
    assert entry.after == {"until": house.runtime.now().isoformat(), "why": "not ours"}
    assert "Known good ended by Mara Lindqvist" in read(house.console.get(f"/cases/{KEY}")).text
    # The same again adds nothing.
    house.pass_time(60)
    house.console.post(form.action, role="responder", data={"id": known.entry.id, "why": "twice"})
    assert [each.action for each in house.audit()].count(audit.KNOWN_GOOD_END) == 1
    before = house.sent()
    house.capture()
    assert house.sent() > before


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("none", "There is no known-good entry 'none'. Nothing was changed."),
        (HOSTILE.replace("\ud83d", ""), "There is no known-good entry"),
        ("over", "The known-good entry over ended on 2026-11-28 by itself. Nothing was changed."),
        ("Bob's", "Bob has ended the known-good entry Bob's already. Nothing was changed."),
    ],
)
def test_what_cannot_be_ended(house, id, said):
    over = replace(ENTRY, id="over", until=NOW - timedelta(days=1))
    add(house, over, replace(ENTRY, id="Bob's", ended_by="Bob", ended_at=NOW))
    house.console.post("/rules/known-good", role="responder", data={"id": id, "why": "x"})
    assert said in read(house.console.get("/rules", role="responder")).text
    assert audit.KNOWN_GOOD_END not in [entry.action for entry in house.audit()]


def test_a_viewer_sees_the_entries_and_ends_none(house):
    add(house, ENTRY)
    assert "End this entry" not in house.console.get("/rules", role="viewer").get_data(as_text=True)
    form = {"id": "e1", "why": "x"}
    assert house.console.post("/rules/known-good", role="viewer", data=form).status_code == 403
    assert house.runtime.ledger.known_good.get("e1").is_live(NOW)


def test_live_ones_are_first_and_pages_are_bounded(house):
    def entry(id, system, days, **fields):
        return replace(ENTRY, id=id, system=system, until=NOW + timedelta(days=days), **fields)

    add(
        house,
        entry("over", "i-1", -1),
        entry("ends second", "i-2", 2),
        entry("over too", "i-2", -2),
        entry("ends first", "i-2", 1),
        entry("wide", "", 30, scope=Scope.EVERYWHERE),
        entry("ended", "i-3", 80, ended_by="Ada", ended_at=NOW),
    )
    known = house.runtime.queries.known_good
    assert [row.entry.id for row in known.list().rows] == [
        *("ends first", "ends second", "wide", "over too", "over", "ended"),
    ]
    found, page = [], ""
    for _ in range(6):
        answer = house.console.get(
            "/api/v1/known-good", query_string={"limit": 1} | ({"page": page} if page else {})
        ).json
        found += [row["entry"]["id"] for row in answer["rows"]]
        page = answer["next"]
    assert page == ""
    assert found == ["wide", "ends first", "ends second", "over too", "ended", "over"]


def test_hostile_text_appears_only_escaped(house):
    finding = replace(FINDING, description=HOSTILE, path=HOSTILE)
    add(house, replace(ENTRY, findings=(finding,) * 7, by=HOSTILE, why=HOSTILE, case=HOSTILE, hunt=HOSTILE))
    page = house.console.get("/rules").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "and 2 more" in page
