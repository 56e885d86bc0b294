"""The read model answers the same on every side: whole stories in, rows out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.cases import Case
from shared.models.codec import dump
from shared.models.coverage import Outcome
from shared.models.decisions import Action, CaseDecision, Verdict
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.events import Event, EventFacts
from shared.models.evidence import Finding
from shared.models.holds import Hold
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage import audit, kinds
from shared.storage.last_delivered import LastDelivered
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.case_filter import CaseFilter, Which
from shared.storage.queries.pages import BadToken, Rows
from shared.storage.queries.queries import Queries
from tests.shared.sides.conftest import Side

WEB = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
DB = System("i-0aaaaaaaaaaaaaaa2", "eu-west-1")
CASE, OTHER_CASE = f"project/3/{WEB.key}", f"project/4/{DB.key}"
SUNDAY = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MALICIOUS, SUSPICIOUS = Severity.MALICIOUS, Severity.SUSPICIOUS


@dataclass
class Story:
    """A ledger and the questions about it, at a time that the test moves."""

    side: Side
    now: datetime = SUNDAY
    ledger: Ledger = field(init=False)
    ask: Queries = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.side.store, lambda: self.now)
        self.ask = Queries(self.side.store, lambda: self.now)

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)

    def event(
        self,
        id: str,
        kind: str = "processing_with_alarms",
        severity: Severity = MALICIOUS,
        *,
        system: System | None = WEB,
        hunt: str = "weekly@2026-11-22T02:00:00Z",
        case: str = CASE,
        to: tuple[str, ...] = ("soc", "tickets"),
        **recorded: Any,
    ) -> Event:
        """Route an event, a second after the one before."""
        self.forward(seconds=1)
        event = Event(id, kind, self.now, project_id=3)
        facts = EventFacts(
            title=f"Title of {id}",
            system=system.key if system else "",
            name="web-01",
            hunt_id=hunt,
            project_id=3,
            malicious=2,
            suspicious=1,
            techniques={"T1496": 2},
        )
        self.ledger.events.record_routed(event, severity, list(to), case=case, facts=facts, **recorded)
        return event

    def deliver(self, event: str, to: str, state: DeliveryState, **fields: Any) -> None:
        self.forward(seconds=1)
        known = self.ledger.deliveries.get(event, to)
        self.ledger.deliveries.save(replace(known, state=state, **fields))
        if state is DeliveryState.DELIVERED:
            LastDelivered(self.side.store, lambda: self.now).record(to)

    def open_case(
        self, key: str = CASE, severity: Severity = MALICIOUS, *, system: System = WEB, event: str = "e1"
    ) -> None:
        findings = (
            Finding("Cron job", 1, SUSPICIOUS),
            Finding("Crypto miner", 2, MALICIOUS, ("T1496",)),
        )
        alarm = Alarm(
            Event(event, "processing_with_alarms", self.now, project_id=3),
            severity,
            malicious=2,
            suspicious=1,
            findings=findings,
            system=system,
            hunt=Hunt("weekly", SUNDAY),
        )
        self.ledger.cases.change(
            key,
            lambda case: (
                case
                or Case(
                    alarm,
                    ("soc", "tickets"),
                    opened_at=self.now,
                    last_at=self.now,
                    alarms=1,
                    title=f"Title of {event}",
                    system=system,
                )
            ),
        )

    def acknowledge(self, key: str, by: str) -> None:
        self.ledger.cases.decide(key, CaseDecision(f"ack-{by}", Action.ACKNOWLEDGE, by, self.now, "Slack"))

    def close(self, key: str, by: str, why: str) -> None:
        decision = CaseDecision("close", Action.CLOSE, by, self.now, verdict=Verdict.BENIGN, why=why)
        self.ledger.cases.decide(key, decision)

    def reopen(self, key: str, by: str) -> None:
        self.ledger.cases.decide(key, CaseDecision("reopen", Action.REOPEN, by, self.now))

    def capture(self, hunt: str, system: System = WEB, **fields: Any) -> Capture:
        plain = self.ledger.captures.plan(Capture(hunt, system))
        return self.ledger.captures.update(plain, **fields)


@pytest.fixture
def story(side: Side) -> Story:
    return Story(side)


def whole(ask: Callable[..., Rows[Any]], *about: str, **which: Any) -> list[Any]:
    """All rows of a list, page by page."""
    rows: list[Any] = []
    page = ask(*about, **which)
    for _ in range(100):
        rows += page.rows
        if not page.next:
            return rows
        page = ask(*about, page=page.next, **which)
    raise AssertionError("the list has no end")


# Events


def test_events_are_listed_newest_first_by_what_they_are_about(story):
    story.event("e1")
    story.event("e2", "hunt_finished", Severity.INFO, system=None, case="")
    story.event("e3", severity=SUSPICIOUS, system=DB, case=OTHER_CASE, hunt="daily@2026-11-23T02:00:00Z")

    def ids(**which: Any) -> list[str]:
        return [row.id for row in story.ask.events.list(**which).rows]

    assert ids() == ["e3", "e2", "e1"]
    assert ids(system=WEB.key) == ["e1"]
    assert ids(case=OTHER_CASE) == ["e3"]
    assert ids(hunt="weekly@2026-11-22T02:00:00Z") == ["e2", "e1"]
    assert ids(hunt="weekly@2026-11-22T02:00:00Z", system=WEB.key) == ["e1"]
    assert ids(kind="hunt_finished") == ["e2"]
    assert ids(severity=SUSPICIOUS) == ["e3"]
    assert ids(since=SUNDAY + timedelta(seconds=2)) == ["e3", "e2"]
    assert ids(until=SUNDAY + timedelta(seconds=2)) == ["e1"]
    assert ids(system="-/us-east-1/i-0") == []


def test_a_row_of_an_event_has_what_the_message_said(story):
    story.event("e1", merged_into="e0")
    (row,) = story.ask.events.list().rows
    assert (row.title, row.name, row.system_key) == ("Title of e1", "web-01", WEB.key)
    assert (row.case, row.to, row.merged_into) == (CASE, ("soc", "tickets"), "e0")
    assert (row.malicious, row.suspicious, row.techniques) == (2, 1, {"T1496": 2})
    assert (row.hunt_id, row.project_id, row.at) == ("weekly@2026-11-22T02:00:00Z", 3, story.now)


def test_an_event_that_an_earlier_version_stored_is_listed_too(story):
    body = {"id": "e1", "kind": "recovered", "severity": "malicious", "evidence_id": 7, "to": ["soc"]}
    body |= {"at": SUNDAY.isoformat(), "merged_into": "", "run": "", "case": CASE}
    story.side.store.put(kinds.EVENT, "e1", "routed", body)
    (row,) = story.ask.events.list(case=CASE).rows
    assert (row.id, row.title, row.system_key) == ("e1", "", "")


def test_an_event_that_is_recorded_again_stays_where_it_is(story):
    first = story.event("e1", to=("soc",))
    story.event("e2")
    story.ledger.events.record_routed(first, MALICIOUS, ["soc", "tickets"], case=CASE)
    rows = story.ask.events.list().rows
    assert [row.id for row in rows] == ["e2", "e1"]
    assert rows[1].to == ("soc", "tickets")


def test_one_event_has_its_deliveries_and_its_alarm(story):
    story.event("e1")
    story.open_case()
    story.deliver("e1", "soc", DeliveryState.DELIVERED, ref="123.4", attempts=1)
    detail = story.ask.events.get("e1")
    assert detail
    assert detail.row.id == "e1"
    assert [(row.destination, row.state) for row in detail.deliveries] == [("soc", "delivered")]
    assert detail.alarm
    assert detail.alarm.findings
    story.event("e2")
    assert story.ask.events.get("e2").alarm is None
    assert story.ask.events.get("e9") is None


def test_pages_have_each_row_once_and_an_end(story):
    for number in range(7):
        story.event(f"e{number}", severity=MALICIOUS if number % 3 else SUSPICIOUS)
    for limit in (1, 2, 3, 6, 7, 8):
        rows = whole(story.ask.events.list, limit=limit)
        assert [row.id for row in rows] == [f"e{number}" for number in reversed(range(7))]
        rows = whole(story.ask.events.list, severity=MALICIOUS, limit=limit)
        assert [row.id for row in rows] == ["e5", "e4", "e2", "e1"]


def test_a_token_of_another_list_is_refused(story):
    for number in range(3):
        story.event(f"e{number}")
    token = story.ask.events.list(limit=1).next
    assert story.ask.events.list(limit=1, page=token).rows[0].id == "e1"
    question, _ = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    positions: tuple[Any, ...] = ("\ud800", "2026\udfff", "x" * 1_025, "", 1, None, [])
    forged = [
        base64.urlsafe_b64encode(json.dumps([question, after]).encode()).decode().rstrip("=")
        for after in positions
    ]
    for wrong in (token[:-2] + "AA", "x", "é", "e30", "W10", "A" * 5000, *forged):
        with pytest.raises(BadToken):
            story.ask.events.list(limit=1, page=wrong)
    with pytest.raises(BadToken):
        story.ask.events.list(limit=1, kind="recovered", page=token)
    with pytest.raises(BadToken):
        story.ask.deliveries.list(limit=1, page=token)


# Deliveries


def test_deliveries_are_listed_by_destination_state_and_event(story):
    story.event("e1")
    story.event("e2", system=DB, case=OTHER_CASE, hunt="")
    story.deliver("e1", "soc", DeliveryState.DELIVERED, attempts=1, ref="1.2")
    story.deliver("e1", "tickets", DeliveryState.PENDING, attempts=2, reason="503")
    story.deliver("e2", "soc", DeliveryState.DEAD, attempts=9, reason="404: no channel")
    story.deliver("e2", "tickets", DeliveryState.DELIVERED, attempts=1, ref="SEC-1")

    def listed(**which: Any) -> list[tuple[str, str]]:
        return [(row.event_id, row.destination) for row in story.ask.deliveries.list(**which).rows]

    assert listed() == [("e2", "tickets"), ("e2", "soc"), ("e1", "tickets"), ("e1", "soc")]
    assert listed(destination="soc") == [("e2", "soc"), ("e1", "soc")]
    assert listed(state="waiting") == [("e1", "tickets")]
    assert listed(state="waiting", destination="soc") == []
    assert listed(state="dead") == [("e2", "soc")]
    assert listed(state="delivered") == [("e2", "tickets"), ("e1", "soc")]
    story.deliver("e2", "office", DeliveryState.IN_DIGEST, hold=Hold(until=story.now))
    assert listed(state="held") == listed(state="held", destination="office") == [("e2", "office")]
    assert listed(state="delivered") == [("e2", "tickets"), ("e1", "soc")]
    story.deliver("e2", "office", DeliveryState.DELIVERED)
    assert listed(state="held") == []
    assert listed(system=WEB.key) == [("e1", "soc"), ("e1", "tickets")]
    assert listed(system=DB.key, state="dead") == [("e2", "soc")]
    assert listed(hunt="weekly@2026-11-22T02:00:00Z", destination="tickets") == [("e1", "tickets")]
    (row,) = story.ask.deliveries.list(state="waiting").rows
    assert (row.attempts, row.reason) == (2, "503")
    assert row.event
    assert row.event.title == "Title of e1"
    with pytest.raises(ValueError, match="waiting, dead, delivered"):
        story.ask.deliveries.list(state="lost")


def test_deliveries_of_a_system_are_paged_without_loss(story):
    for number in range(5):
        story.event(f"e{number}", to=("soc", "tickets", "office"))
        for name in ("soc", "tickets", "office"):
            story.deliver(f"e{number}", name, DeliveryState.DELIVERED)
    for limit in (1, 2, 3, 4, 7, 15):
        rows = whole(story.ask.deliveries.list, system=WEB.key, limit=limit)
        assert len(rows) == len({(row.event_id, row.destination) for row in rows}) == 15


def test_the_health_of_a_destination(story):
    story.event("e1")
    story.deliver("e1", "soc", DeliveryState.DELIVERED)
    story.forward(days=2)
    story.event("e2")
    story.event("e3")
    story.deliver("e2", "soc", DeliveryState.DELIVERED)
    delivered_at = story.now
    story.deliver("e2", "tickets", DeliveryState.PENDING, attempts=1, reason="503")
    failing_since = story.now
    story.deliver("e3", "tickets", DeliveryState.PENDING, attempts=1, reason="504")
    story.deliver("e3", "soc", DeliveryState.DEAD, reason="404")
    health = story.ask.deliveries.by_destination(["soc", "tickets", "office"])
    soc, tickets, office = health["soc"], health["tickets"], health["office"]
    assert soc.last_delivered_at == delivered_at
    assert (soc.waiting, soc.dead, soc.delivered_24h) == (0, 1, 1)
    assert (soc.failing_since, soc.reason) == (story.now, "404")
    assert (tickets.waiting, tickets.dead, tickets.delivered_24h) == (2, 0, 0)
    assert (tickets.failing_since, tickets.reason) == (failing_since, "504")
    assert (office.last_delivered_at, office.waiting, office.dead) == (None, 0, 0)
    story.deliver("e2", "tickets", DeliveryState.DELIVERED)
    story.deliver("e3", "tickets", DeliveryState.DELIVERED)
    tickets = story.ask.deliveries.by_destination(["tickets"])["tickets"]
    assert (tickets.waiting, tickets.failing_since, tickets.reason, tickets.delivered_24h) == (0, None, "", 2)
    story.deliver("e3", "soc", DeliveryState.DELIVERED)
    story.deliver("e2", "soc", DeliveryState.DELIVERED)
    soc = story.ask.deliveries.by_destination(["soc"])["soc"]
    assert (soc.dead, soc.failing_since, soc.reason) == (0, None, "")


# Cases


def test_open_cases_are_listed_worst_first_then_oldest_first(story):
    story.open_case(OTHER_CASE, SUSPICIOUS, system=DB, event="e1")
    story.forward(days=1)
    story.open_case("project/5/x", MALICIOUS, event="e2")
    story.forward(days=1)
    story.open_case(CASE, MALICIOUS, event="e3")
    story.acknowledge(CASE, "ada")

    def keys(**which: Any) -> list[str]:
        return [row.key for row in story.ask.cases.open(**which).rows]

    assert keys() == ["project/5/x", CASE, OTHER_CASE]
    assert keys(severity=SUSPICIOUS) == [OTHER_CASE]
    assert keys(owner="") == ["project/5/x", OTHER_CASE]
    assert keys(owner="ada") == [CASE]
    assert keys(owner="bob") == []
    rows = whole(story.ask.cases.open, limit=1)
    assert [row.key for row in rows] == ["project/5/x", CASE, OTHER_CASE]
    counts = story.ask.cases.counts()
    assert counts.open == {MALICIOUS: 1, SUSPICIOUS: 1, Severity.INFO: 0, Severity.UNKNOWN: 0}
    assert counts.acknowledged[MALICIOUS] == 1
    assert (counts.under_a_day, counts.one_to_seven_days, counts.over_seven_days) == (1, 2, 0)
    assert counts.oldest_open_at == SUNDAY
    assert counts.total == 3


def test_a_case_that_gets_worse_moves_up_and_a_closed_one_leaves(story):
    story.open_case(CASE, SUSPICIOUS)
    story.open_case(OTHER_CASE, MALICIOUS, system=DB)

    def worse(case: Case) -> Case:
        return replace(case, alarm=replace(case.alarm, severity=MALICIOUS))

    story.ledger.cases.change(CASE, worse)
    assert [row.severity for row in story.ask.cases.open().rows] == [MALICIOUS, MALICIOUS]
    story.acknowledge(CASE, "ada")
    story.forward(hours=1)
    story.close(CASE, "ada", why="ours")
    assert [row.key for row in story.ask.cases.open().rows] == [OTHER_CASE]
    assert story.ask.cases.counts().total == 1
    (row,) = story.ask.cases.closed().rows
    assert (row.key, row.state, row.verdict) == (CASE, "closed", "benign")
    assert (row.closed_by, row.closed_at, row.why) == ("ada", story.now, "ours")
    assert (row.acknowledged_by, row.told) == ("ada", ("soc", "tickets"))
    assert story.ask.cases.closed(since=story.now + timedelta(seconds=1)).rows == ()
    assert [row.key for row in story.ask.cases.of_system(WEB.key).rows] == [CASE]
    story.reopen(CASE, "bob")
    assert story.ask.cases.closed().rows == ()
    assert {row.key for row in story.ask.cases.open().rows} == {CASE, OTHER_CASE}


def test_all_cases_are_those_that_are_not_closed_and_then_the_closed_ones(story):
    story.open_case(CASE, SUSPICIOUS)
    story.open_case(OTHER_CASE, MALICIOUS, system=DB)
    story.open_case("project/5/x", MALICIOUS, event="e2")
    story.close(OTHER_CASE, "ada", why="ours")
    every = CaseFilter(Which.ALL)
    for limit in (1, 2, 50):
        rows = whole(partial(story.ask.cases.list, every), limit=limit)
        assert [row.key for row in rows] == ["project/5/x", CASE, OTHER_CASE]
    rows = whole(partial(story.ask.cases.list, replace(every, severity=MALICIOUS)), limit=1)
    assert [row.key for row in rows] == ["project/5/x", OTHER_CASE]
    assert story.ask.cases.list(replace(every, text="nowhere")).rows == ()
    with pytest.raises(BadToken):
        story.ask.cases.list(replace(every, text="x"), page=story.ask.cases.list(every, limit=1).next)


def test_a_row_of_a_case_has_its_worst_finding_and_its_references(story):
    story.open_case()
    references = story.ledger.case_references
    references.acquire(CASE, "tickets", "lease", 60)
    references.release(CASE, "tickets", "lease", ref="SEC-7")
    row = story.ask.cases.get(CASE)
    assert row
    assert (row.state, row.title, row.worst) == ("open", "Title of e1", "Crypto miner")
    assert [finding.description for finding in row.findings] == ["Crypto miner", "Cron job"]
    assert row.refs == {"tickets": "SEC-7"}
    assert (row.system, row.hunt_id, row.project_id) == (WEB, "weekly@2026-11-22T02:00:00Z", 3)
    assert (row.opened_at, row.last_at, row.alarms) == (SUNDAY, SUNDAY, 1)
    assert story.ask.cases.get("project/9/x") is None


def test_a_case_that_an_earlier_version_stored_is_listed_too(story):
    alarm = Alarm(Event("e1", "recovered", SUNDAY, title="From the webhook"), SUSPICIOUS, system=WEB)
    body = {name: value for name, value in dump(Case(alarm, ("soc",))).items() if name in _OLD_FIELDS}
    story.side.store.put(kinds.CASE_FILE, CASE, "-", body)
    (row,) = story.ask.cases.open().rows
    assert (row.opened_at, row.last_at, row.title, row.system) == (SUNDAY, SUNDAY, "From the webhook", WEB)
    assert [row.key for row in story.ask.cases.of_system(WEB.key).rows] == [CASE]


_OLD_FIELDS = ("alarm", "told", "taken", "issue_in", "issue_asked")


def test_the_timeline_has_everything_in_order_on_pages_of_any_size(story):
    story.open_case()
    story.event("e1")
    story.deliver("e1", "soc", DeliveryState.DELIVERED)
    story.deliver("e1", "tickets", DeliveryState.PENDING, attempts=1)
    story.event("other", case=OTHER_CASE)
    for number in range(3):
        story.forward(minutes=1)
        entry = audit.Entry(story.now, audit.ACK, f"person-{number}", "Slack", CASE)
        audit.record(story.side.store, entry, f"click-{number}")
        story.event(f"more-{number}", to=("soc",))
        story.deliver(f"more-{number}", "soc", DeliveryState.DELIVERED)
    texts = [_text(entry) for entry in story.ask.cases.timeline(CASE).rows]
    assert texts == [
        *("event e1", "delivery e1 soc", "delivery e1 tickets"),
        *("audit person-0", "event more-0", "delivery more-0 soc"),
        *("audit person-1", "event more-1", "delivery more-1 soc"),
        *("audit person-2", "event more-2", "delivery more-2 soc"),
    ]
    for limit in (1, 2, 3, 5, 12):
        entries = whole(story.ask.cases.timeline, CASE, limit=limit)
        assert [_text(entry) for entry in entries] == texts


def _text(entry: Any) -> str:
    if entry.event:
        return f"event {entry.event.id}"
    if entry.delivery:
        return f"delivery {entry.delivery.event_id} {entry.delivery.destination}"
    return f"audit {entry.audit.by}"


# Hunts, captures, coverage


def test_runs_of_hunts_and_captures_of_a_system(story):
    for name, day in (("weekly", 0), ("daily", 1), ("weekly", 7)):
        hunt = story.ledger.hunts.open(Hunt(name, SUNDAY + timedelta(days=day)))
        story.ledger.hunts.take_turn(hunt)
        story.capture(hunt.id, state=CaptureState.REQUESTED, requested_at=hunt.scheduled_at)
        story.ledger.hunts.end(hunt.id, hunt.state.FINISHED)

    def runs(**which: Any) -> list[str]:
        return [run.id for run in story.ask.hunts.runs(**which).rows]

    newest, daily, oldest = (
        "weekly@2026-11-29T02:00:00Z",
        "daily@2026-11-23T02:00:00Z",
        "weekly@2026-11-22T02:00:00Z",
    )
    assert runs() == [newest, daily, oldest]
    assert runs(name="weekly") == [newest, oldest]
    assert [run.id for run in whole(story.ask.hunts.runs, limit=1)] == runs()
    paged = whole(story.ask.hunts.runs, name="weekly", limit=1)
    assert [run.id for run in paged] == [newest, oldest]
    assert story.ask.hunts.names() == ["daily", "weekly"]
    captures = story.ask.captures.of_system(WEB.key).rows
    assert [capture.hunt_id for capture in captures] == [newest, daily, oldest]


def test_coverage_shows_the_worst_of_each_week(story):
    monday = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    story.now = monday
    story.capture("a@1", state=CaptureState.FAILED, reason="no disk", requested_at=monday, ended_at=monday)
    story.capture("a@2", DB, state=CaptureState.FAILED, reason="no disk", ended_at=monday)
    (db, web) = story.ask.coverage.systems().rows
    assert (db.system_key, web.system_key) == (DB.key, WEB.key)
    assert [week.outcome for week in web.weeks] == [Outcome.NONE] * 11 + [Outcome.FAILED]
    assert (web.last_captured_at, web.last_reason, web.failures_in_a_row) == (None, "no disk", 1)
    story.forward(days=1)
    story.ledger.instance_names.save(WEB.instance, "web-01")
    story.capture("b@1", state=CaptureState.PROCESSED, ended_at=story.now)
    story.forward(days=7)
    story.capture("b@2", state=CaptureState.PROCESSED, malicious=1, ended_at=story.now)
    story.capture("b@3", state=CaptureState.PROCESSED, suspicious=1, ended_at=story.now)
    (db, web) = story.ask.coverage.systems().rows
    assert [week.outcome for week in web.weeks][-3:] == [Outcome.NONE, Outcome.FAILED, Outcome.MALICIOUS]
    assert web.weeks[-1].start == datetime(2026, 11, 30).date()
    assert (web.name, web.failures_in_a_row, web.last_reason) == ("web-01", 0, "")
    assert (web.last_captured_at, web.last_attempt_at) == (story.now, story.now)
    assert web.hunts == ("b", "a")
    summary = story.ask.coverage.summary()
    assert (summary.captured, summary.known, summary.listed) == (1, 2, None)
    assert summary.problems
    story.forward(days=31)
    assert story.ask.coverage.summary().captured == 0


def test_an_alarm_counts_even_if_the_platform_counts_none(story):
    story.ledger.systems.alarm_raised(WEB, "a@1", SUSPICIOUS, story.now)
    story.capture("a@1", state=CaptureState.PROCESSED, ended_at=story.now)
    story.ledger.systems.alarm_raised(WEB, "a@1", Severity.INFO, story.now)
    (web,) = story.ask.coverage.systems().rows
    assert web.weeks[-1].outcome is Outcome.SUSPICIOUS


def test_the_record_of_a_system_has_a_bounded_size(story):
    for number in range(400):
        story.capture(f"h{number}@1", state=CaptureState.PROCESSED, ended_at=story.now)
        story.forward(hours=8)
    (record,) = story.side.store.scan(kinds.SYSTEM, "")
    assert len(record.body["weeks"]) <= 14
    assert all(len(brought) <= 22 for brought in record.body["weeks"].values())
    assert len(record.body["hunts"]) == 10


def test_a_delivery_that_is_not_known_has_no_row(story):
    assert story.ledger.deliveries.get("e1", "soc") == Delivery("e1", "soc")
    assert story.ask.deliveries.list().rows == ()
    assert story.ask.coverage.techniques() == ()
    assert [week.total for week in story.ask.trends(3)] == [0, 0, 0]
