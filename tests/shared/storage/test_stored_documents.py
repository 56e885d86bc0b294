"""Documents of every kind that an earlier version stored are read by this version, and written alike.

`every-kind.db` was made by the code of commit 10dda5c.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from receiver.deliveries.digest_store import Digests
from receiver.deliveries.rate_limit import Lane, RateLimiter
from receiver.events.dedupe import Decision, Dedupe
from receiver.events.history import History
from receiver.messages.digest import DigestEntry
from shared.local.database import Database
from shared.local.hunt_starter import Clock
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.acknowledgements import Acknowledgement, Unacknowledged
from shared.models.alarms import Alarm, AlarmRun
from shared.models.captures import Capture, CaptureState, Preserved
from shared.models.case_states import DecisionRefused
from shared.models.cases import Case, CaseState
from shared.models.codec import dump, load
from shared.models.decisions import Action, CaseDecision
from shared.models.deliveries import Delivery
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntState
from shared.models.severity import Severity
from shared.models.systems import System
from shared.queues.dead_letter_notices import DeadLetterNotices
from shared.queues.heartbeats import Heartbeats
from shared.queues.ports import Item
from shared.storage import audit, kinds
from shared.storage.kinds import KINDS
from shared.storage.last_delivered import LastDelivered
from shared.storage.ledger.case_references import CaseAccess
from shared.storage.ledger.ledger import Ledger

STORED = Path(__file__).with_name("every-kind.db")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ITEM = b'{"destination":"soc","digest":"digest-1"}'
WEB = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
HUNT = "weekly@2026-11-24T02:00:00Z"
CASE = "project/3/prod/us-east-1/i-0aaaaaaaaaaaaaaa1"
OTHER_CASE = "project/4/evidence/9"
MODELS = {
    kinds.HUNT: Hunt,
    kinds.CAPTURE: Capture,
    kinds.WHOLE_ALARM: Alarm,
    kinds.ALARM_RUN: AlarmRun,
    kinds.CASE_FILE: Case,
    kinds.DELIVERY: Delivery,
    kinds.DIGEST_ENTRY: DigestEntry,
    kinds.AUDIT: audit.Entry,
}
# Kinds that did not exist when the file was made.
NEWER = frozenset(
    {
        *(kinds.RESENT, kinds.SYSTEM, kinds.WEEK, kinds.ESCALATION, kinds.MUTES, kinds.GROUP_NOW),
        *(kinds.SYSTEM_FINDINGS, kinds.QUIET_FINDINGS, kinds.KNOWN_GOOD, kinds.CLOSED_ISSUE),
        *(kinds.WAITING_DIGEST, kinds.FLEET, kinds.VULNERABILITIES, kinds.INTELLIGENCE, kinds.INBOX),
    }
)


@pytest.fixture
def database(tmp_path):
    database = Database(Path(shutil.copy(STORED, tmp_path / "huntbridge.db")))
    yield database
    database.close()


@pytest.fixture
def store(database) -> SqliteStore:
    return SqliteStore(database)


@pytest.fixture
def ledger(store) -> Ledger:
    return Ledger(store, lambda: NOW)


def stored(kind: str) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{STORED}?mode=ro&immutable=1", uri=True) as db:
        rows = db.execute("SELECT body FROM documents WHERE kind=?", (kind,)).fetchall()
    return [json.loads(body) for (body,) in rows]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NEWER])
def test_there_is_a_document_of_every_kind(kind):
    assert stored(kind)


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_is_written_as_it_was_read(kind):
    """A field that was added since has its default, and is not compared."""
    for body in stored(kind):
        assert _like(body, dump(load(MODELS[kind], body))) == body


def _like(stored: Any, written: Any) -> Any:
    """What was written, without the keys that the stored document does not have."""
    if isinstance(stored, dict) and isinstance(written, dict):
        return {key: _like(stored.get(key), value) for key, value in written.items() if key in stored}
    if isinstance(stored, list) and isinstance(written, list) and len(stored) == len(written):
        return [_like(before, after) for before, after in zip(stored, written, strict=True)]
    return written


def test_hunts(ledger):
    hunt = ledger.hunts.get(HUNT)
    assert (hunt.name, hunt.state, hunt.project_id, hunt.systems) == ("weekly", HuntState.RUNNING, 3, 2)
    assert (hunt.trigger, hunt.config_hash, hunt.began_at) == ("the schedule", "c0ffee", NOW)
    assert (hunt.problems, hunt.left_out) == (("targets[1] finds nothing",), ("1 of i-0ccc is stopped",))
    assert [hunt.id for hunt in ledger.hunts.of_name("weekly")] == [HUNT, "weekly@2026-11-17T03:00:00Z"]
    assert ledger.hunts.finished_before(hunt).state is HuntState.FINISHED
    assert ledger.hunts.unfinished() == [hunt]
    assert ledger.hunts.of_project(3) == hunt
    assert ledger.hunts.checked_projects() == {3: hunt}
    assert ledger.hunts.last_turn("weekly") == HUNT
    assert ledger.hunts.take_turn(replace(hunt, scheduled_at=NOW)) is None
    assert ledger.hunts.last_finished(()) == NOW
    begun = ledger.hunts.begin_quiet_period("guardduty", WEB.key, "guardduty@later", 3_600)
    assert begun == "guardduty@2026-11-24T03:00:00Z"


def test_captures(ledger):
    capture = ledger.captures.get(HUNT, WEB)
    assert (capture.state, capture.pipeline_ids, capture.evidence_ids) == (
        CaptureState.PROCESSED,
        (7,),
        (31,),
    )
    assert capture.preserved == (Preserved(31, "vol-080c44054f2073a7f", 8192, "ab12", "s3://bucket/31.dd"),)
    assert [c.state for c in ledger.captures.of_hunt(HUNT)] == [CaptureState.PLANNED, CaptureState.PROCESSED]
    assert ledger.captures.past_hunts(WEB.instance) == [(HUNT, 7)]
    assert ledger.captures.captured_since(NOW - timedelta(days=1)) == {WEB.key}
    assert ledger.captures.last_requested() == {WEB.key: NOW - timedelta(minutes=50)}


def test_an_ec2_instance_has_the_keys_that_it_always_had():
    with sqlite3.connect(f"file:{STORED}?mode=ro&immutable=1", uri=True) as db:
        places = {
            place for row in db.execute('SELECT kind, "group", name FROM documents') for place in row[1:]
        }
    keys = {place for place in places if place.count("/") == 2 and "/i-" in place}
    ids = {place for place in places if place.startswith("i-")}
    assert {WEB.key} <= keys
    assert {WEB.instance} <= ids
    assert {System.from_key(key).lasting_key for key in keys} == keys
    assert {System(id, "").lasting for id in ids} == ids
    event = Event("e", "processing_with_alarms", NOW, project_id=3)
    assert Alarm(event, Severity.UNKNOWN, system=WEB).case_key == CASE


def test_the_clock_starts_nothing_that_it_has_started(store):
    class Daily:
        def next_after(self, moment):
            return moment + timedelta(days=1)

    started = []
    moment = [NOW + timedelta(hours=23)]
    clock = Clock(
        {"weekly": Daily()},
        lambda name, at: started.append((name, at)),
        store,
        lambda: moment[0],
        texts={"weekly": "rate(7 days) Etc/UTC"},
    )
    clock.tick()
    assert started == []
    moment[0] = NOW + timedelta(days=1)
    clock.tick()
    assert started == [("weekly", NOW + timedelta(days=1))]


def test_events(ledger):
    assert ledger.events.routed_to("event-1") == ["soc", "tickets"]
    assert ledger.events.case_of("event-1") == CASE
    (record,) = ledger.events.of_project(3)
    assert (record.id, record.run, record.confirmed) == ("event-1", NOW.isoformat(), True)
    run = AlarmRun(3, 31, NOW.isoformat(), NOW, told=True, events=("event-1",))
    assert ledger.events.alarm_runs(3) == {31: run}
    alarm = ledger.events.whole_alarm("event-1")
    assert (alarm.severity, alarm.case_key, alarm.capture) == (
        Severity.MALICIOUS,
        CASE,
        ledger.captures.get(HUNT, WEB),
    )
    assert [finding.description for finding in alarm.findings] == ["xmrig", "shell"]
    assert (alarm.owner.teams.name, alarm.instance.tags) == ("Jane", {"Env": "prod"})
    assert ledger.instance_names.get(WEB.instance) == "web-01"


def test_the_same_event_again_changes_nothing_on_its_system(store, ledger):
    alarm = ledger.events.whole_alarm("event-1")
    assert History(store, ledger).compare(alarm) == alarm.change
    later = replace(alarm, event=replace(alarm.event, id="event-2", received_at=NOW + timedelta(days=1)))
    change = History(store, ledger).compare(later)
    assert change
    assert (change.first_at, change.new, change.kinds) == (NOW, 0, 2)


def test_an_alarm_that_was_told_is_not_told_again(store, ledger):
    dedupe, alarm = Dedupe(store, "https://cado.example"), ledger.events.whole_alarm("event-1")
    body = b'{"message": "5 malicious"}'
    assert dedupe.decide(alarm, body) == Decision()  # the same event gets the same answer
    again = replace(alarm, event=replace(alarm.event, id="event-2"))
    assert dedupe.decide(again, body) == Decision(merged_into="event-1")
    assert dedupe.decide(again, b"another body") == Decision(merged_into="event-1")


def test_cases(ledger):
    case = ledger.cases.get(CASE)
    assert (case.told, case.issue_in, case.issue_asked) == (("soc", "tickets"), "tickets", "click-0")
    acknowledgement = Acknowledgement("click-1", NOW, "ada", "U012AB3CD", "Slack")
    assert case.acknowledgement == acknowledgement
    assert case.alarm == ledger.events.whole_alarm("event-1")
    assert (case.state, case.closure, case.decisions) == (CaseState.ACKNOWLEDGED, None, ())
    with pytest.raises(DecisionRefused, match=r"^ada has taken this already, at "):
        ledger.cases.decide(CASE, CaseDecision("click-2", Action.ACKNOWLEDGE, "bob", NOW))
    again = ledger.cases.decide(CASE, CaseDecision("click-1", Action.ACKNOWLEDGE, "ada", NOW))
    assert again == case
    assert list(ledger.cases.unacknowledged()) == [
        Unacknowledged(OTHER_CASE, NOW, NOW + timedelta(hours=2), 1, 2)
    ]


def test_what_destinations_hold_of_cases(ledger):
    references = ledger.case_references
    assert references.get(CASE, "tickets") == "SEC-1"
    assert references.acquire(CASE, "tickets", "next", 60) == CaseAccess(ref="SEC-1")
    assert references.acquire(CASE, "soc", "next", 60) == CaseAccess(wait=60)
    closed = CaseAccess(ref="SEC-2", exclusive=True)
    assert references.acquire(OTHER_CASE, "tickets", "next", 60) == closed


def test_deliveries(ledger):
    delivered, unsure = ledger.deliveries.of_event("event-1")
    assert (delivered.state, delivered.attempts, delivered.ref, delivered.note) == (
        "delivered",
        1,
        "1.2",
        "noted",
    )
    assert (unsure.state, unsure.attempts, unsure.in_doubt, unsure.reason) == ("unsure", 3, True, "timed out")


def test_digests(store, database):
    digests = Digests(store, SqliteQueue(database, "deliveries", NOW.timestamp))
    current = digests.open("soc")
    (sealed,) = {record.name for record in store.scan(kinds.DIGEST, "soc")} - {current}
    assert [entry.title for entry in digests.seal("soc", sealed)] == ["5 malicious on web-01"]
    assert [entry.title for entry in digests.seal("soc", current)] == ["2 suspicious"]


def test_rate_limits(store):
    """One message in a minute: one was sent, two have turns, and the destination asked for five seconds."""
    lane = Lane("soc", ((1, 60.0),))
    assert RateLimiter(store, NOW.timestamp).turn(lane, urgent=False, waited=False) == 120
    later = NOW + timedelta(seconds=60)
    assert RateLimiter(store, later.timestamp).turn(lane, urgent=True, waited=True) == 0


def test_a_notice_that_is_on_its_way_counts_the_next_dead_item_too(store, database):
    events = SqliteQueue(database, "events", NOW.timestamp)
    queued = events.depth().living
    notices = DeadLetterNotices(store, (), events, events, ["office"], lambda: NOW)
    notices.count("deliveries", Item("event-4:soc", ITEM, 1, NOW, "receipt"), "no_service")
    assert store.get(kinds.NOTICE, "", "soc").body["dead"] == 2
    assert events.depth().living == queued


def test_a_heartbeat_is_due_a_period_after_the_last_delivery(store, database):
    events = SqliteQueue(database, "events", NOW.timestamp)
    queued = events.depth().living
    for days, heartbeats in ((29, 0), (30, 1)):
        now = partial(datetime.__add__, NOW, timedelta(days=days))
        Heartbeats(store, events, events, {"soc": timedelta(days=30)}, now).enqueue_due()
        assert events.depth().living == queued + heartbeats


def test_notes(store, ledger):
    assert ledger.notes.about(kinds.JOB_NOTES)["follow"]["reason"] == "it failed"
    assert ledger.notes.get(kinds.CLICK_NOTES, "click-1") == {"at": NOW.isoformat()}
    assert LastDelivered(store, lambda: NOW).of(["soc", "tickets"]) == {
        "soc": NOW.isoformat(),
        "tickets": None,
    }


def test_the_audit_log(store):
    entries = list(audit.newest(store, NOW))
    assert {entry.action for entry in entries} == {audit.ACK, audit.CONFIGURATION}
    assert {entry.by for entry in entries} == {"ada (Slack user U012AB3CD)", "root"}
