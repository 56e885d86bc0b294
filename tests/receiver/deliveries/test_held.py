"""A route holds alarms: until its hours begin, or until their hunt has ended. Then they are told in one
digest, and none is lost."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from receiver.deliveries.digest_store import Digests
from receiver.destinations.contract import Rejected
from scheduler.due_digests import queue_due_digests
from scheduler.reminders import send_reminders
from shared.models.acknowledgements import Acknowledgement
from shared.models.codec import dump
from shared.models.decisions import Action, CaseDecision, Verdict
from shared.models.deliveries import DeliveryState
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED
from shared.models.events import Event
from shared.models.holds import Hold
from shared.models.hunts import Hunt, HuntState
from shared.queues import items
from tests.queue_items import decoded
from tests.receiver.world import buttons, header

# The stage begins at Tuesday 03:00 UTC, which is 04:00 in Berlin.
HOURS = {"days": "Mon-Fri", "hours": "08:00-18:00", "timezone": "Europe/Berlin"}
OPENING = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
OFFICE_HOURS = {"to": "soc", "active": HOURS}
HUNT = "weekly@2026-11-24T02:00:00Z"


@pytest.fixture
def held(make_stage):
    return make_stage(routes=[OFFICE_HOURS])


def suspicious(stage, evidence, count=1):
    text = b"%d suspicious severity events detected in project id 3 evidence id %d."
    return stage.receive(text % (count, evidence))


def malicious(stage, evidence=99):
    return stage.receive(b"5 high severity alarms detected in project id 3 evidence id %d." % evidence)


def own(kind, id="own-1"):
    return Event(id, kind, OPENING, hunt_id=HUNT, text="access denied")


def until(stage, moment):
    """Runs the queues and the timer until this time."""
    while stage.moment < moment:
        stage.run()
        stage.moment = min(moment, stage.moment + timedelta(minutes=10))
        queue_due_digests(stage.runtime)
    stage.run()


def titles(stage):
    return [message.title for message in stage.soc.sent]


def delivery(stage, id, destination="soc"):
    return stage.runtime.ledger.deliveries.get(id, destination)


def test_held_alarms_are_told_in_one_digest_when_the_hours_begin(held):
    held.enricher.instance = None  # each evidence is a case of its own
    ids = [suspicious(held, evidence, count=evidence) for evidence in (1, 3, 2)]
    until(held, OPENING - timedelta(seconds=1))
    assert titles(held) == []
    assert {delivery(held, id).held for id in ids} == {True}
    assert {delivery(held, id).hold.until for id in ids} == {OPENING}
    held.forward(1)
    held.run()
    (digest,) = held.soc.sent
    assert digest.title == "3 held alarms in 3 systems, the worst first"
    assert digest.summary == (
        "They came outside the active hours of this route (Mon-Fri 08:00-18:00 Europe/Berlin), and were "
        "held until 2026-11-24 08:00 Europe/Berlin."
    )
    assert [line.text.split(" (event")[0] for line in digest.lines] == [
        f"{count} suspicious event{'s' * (count > 1)} in project 3, evidence {count}" for count in (3, 2, 1)
    ]
    assert {delivery(held, id).state for id in ids} == {DeliveryState.DELIVERED}
    assert list(held.runtime.ledger.waiting_digests.all()) == []
    assert held.living() == 0


def test_what_is_not_held(held):
    ids = [
        malicious(held),
        held.receive(b"something happened"),
        held.receive(b'{"event": "processing_with_alarms", "message": "7 alarms in project id 3"}'),
    ]
    held.raise_event(own(CAPTURE_FAILED))
    held.raise_event(own(HUNT_FINISHED, "own-2"))
    held.run()
    assert [message.id for message in held.soc.sent] == [*ids, "own-1", "own-2"]


def test_within_the_hours_nothing_is_held(held):
    held.moment = OPENING
    id = suspicious(held, 1)
    held.run()
    assert [message.id for message in held.soc.sent] == [id]


def test_a_route_that_names_them_holds_events_of_huntbridge_and_malicious_alarms(make_stage):
    stage = make_stage(
        routes=[
            {"match": {"event": ["capture_*", "hunt_finished"]}, **OFFICE_HOURS},
            {"match": {"severity": "malicious"}, **OFFICE_HOURS, "hold_malicious": True},
        ]
    )
    stage.raise_event(own(CAPTURE_FAILED))
    malicious(stage)
    stage.run()
    assert titles(stage) == []
    until(stage, OPENING)
    assert titles(stage) == ["2 held alarms in 2 systems, the worst first"]
    assert stage.soc.sent[0].severity == "malicious"
    assert "access denied (event own-1)" in stage.soc.sent[0].lines[1].text


def grows(stage, *counts, evidence=4):
    """Alarms of one processing run, with these numbers of malicious and of suspicious findings. Returns the
    ids of their events."""
    stage.enricher.runs.setdefault(evidence, stage.moment)
    ids = []
    for malicious, suspicious in counts:
        stage.enricher.counts[evidence] = (malicious, suspicious)
        text = f"{malicious + suspicious} alarms in project id 3 evidence id {evidence}"
        body = {"event": "processing_with_alarms", "message": text}
        ids.append(stage.receive(json.dumps(body).encode()))
        stage.run()
        stage.forward(60)
    return ids


def line_of_digest(stage):
    until(stage, OPENING)
    (line,) = stage.soc.sent[-1].lines
    return line.text.partition("; ")[2]


def test_a_malicious_update_of_a_held_alarm_is_told_in_full_and_the_digest_says_so(held):
    first, urgent = grows(held, (0, 2), (5, 2))
    assert held.runtime.ledger.events.whole_alarm(urgent).earlier.event_id == first
    assert titles(held) == ["5 malicious, 2 suspicious on web-01 (i-0aaaaaaaaaaaaaaa1)"]
    said = f"told since, with event {urgent}; this system has malicious alarms too"
    assert line_of_digest(held) == said


def test_an_update_is_one_of_the_newest_message_that_is_not_held(held):
    first, second, third = grows(held, (5, 0), (5, 2), (6, 2))
    assert held.runtime.ledger.events.whole_alarm(third).earlier.event_id == second
    told = [(message.id, message.title.startswith("Update: ")) for message in held.soc.sent]
    assert told == [(first, False), (second, True), (third, True)]


def test_an_update_passes_over_every_message_that_is_held(held):
    *_, urgent = grows(held, (0, 1), (0, 2), (1, 2))
    (title,) = titles(held)
    assert not title.startswith("Update")
    assert line_of_digest(held).startswith(f"told since, with event {urgent}; ")
    (line,) = held.soc.sent[-1].lines
    assert "and 1 more alarm; " in line.text


def test_a_digest_says_which_part_of_it_was_told_since(held):
    suspicious(held, 9, count=1)
    _, urgent = grows(held, (0, 2), (5, 2))
    assert line_of_digest(held).startswith(f"1 of them told since, with event {urgent}; ")


def test_a_digest_does_not_say_that_an_update_was_told_if_it_was_refused(held):
    (first,) = grows(held, (0, 2))
    held.soc.outcomes = [Rejected("no_service")]
    (urgent,) = grows(held, (5, 2))
    assert (delivery(held, urgent).state, delivery(held, first).told_by) == ("dead", urgent)
    assert "told since" not in line_of_digest(held)


def test_an_update_that_comes_while_the_digest_is_sent_is_an_update_of_what_the_digest_tells(held):
    (first,) = grows(held, (0, 2))
    Digests(held.runtime.store, held.runtime.deliveries).seal("soc", delivery(held, first).ref)
    grows(held, (5, 2))
    (title,) = titles(held)
    assert title.startswith("Update: ")


def test_a_held_alarm_that_missed_its_digest_and_was_told_since_says_that_it_may_be_a_repeat(
    held, monkeypatch
):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Digests, "add", interrupt)
        grows(held, (0, 2))
    (urgent,) = grows(held, (5, 2))
    digests = Digests(held.runtime.store, held.runtime.deliveries)
    assert digests.seal("soc", Hold(until=OPENING).digest_id) == []
    held.moment = OPENING
    held.run_all()
    told = [(message.id, message.maybe_repeat) for message in held.soc.sent]
    first = held.runtime.ledger.events.whole_alarm(urgent).earlier.event_id
    assert told == [(urgent, False), (first, True)]


def interrupt(*_):
    raise KeyboardInterrupt


def test_elsewhere_gets_all_alarms_at_once(make_stage):
    stage = make_stage(routes=[OFFICE_HOURS | {"outside": {"elsewhere": "office"}}])
    ids = [suspicious(stage, 1), malicious(stage)]
    stage.run()
    assert ({message.id for message in stage.office.sent}, titles(stage)) == (set(ids), [])
    stage.raise_event(own(HUNT_FINISHED))  # has no hours
    stage.moment = OPENING
    ids = [suspicious(stage, 2), "own-1"]
    stage.run()
    assert [message.id for message in stage.soc.sent] == ["own-1", ids[0]]


def test_a_destination_that_another_route_tells_at_once_is_told_at_once(make_stage):
    stage = make_stage(routes=[OFFICE_HOURS | {"continue": True}, {"to": ["soc", "office"]}])
    id = suspicious(stage, 1)
    stage.run()
    assert [message.id for message in (*stage.soc.sent, *stage.office.sent)] == [id, id]


def test_an_alarm_that_comes_into_its_digest_too_late_has_a_message_of_its_own(held):
    first, late = suspicious(held, 1), Hold(until=OPENING).digest_id
    until(held, OPENING)
    held.moment -= timedelta(seconds=1)  # another worker, whose clock is behind
    second = suspicious(held, 2)
    held.run_all()
    assert [message.id for message in held.soc.sent] == [late, second]
    assert delivery(held, first).ref == late


def test_a_digest_that_is_refused_can_be_sent_again(held):
    id = suspicious(held, 1)
    held.soc.outcomes = [Rejected("no_service")]
    until(held, OPENING)
    (dead,) = held.runtime.deliveries.dead_items()
    assert decoded(items.DeliverDigest, dead.body).digest_id == delivery(held, id).ref
    held.runtime.deliveries.revive([dead.id])
    held.run()
    assert delivery(held, id).state == "delivered"


def hunt_runs(stage):
    """A hunt whose project is that of the alarms, and its end as a function."""
    hunt = Hunt("weekly", datetime(2026, 11, 24, 2, 0, tzinfo=UTC))
    hunts = stage.runtime.ledger.hunts
    hunts.open(hunt)
    hunts.start(hunt.id, 3)
    real = stage.enricher.enrich

    def enrich(event):
        return replace(real(event), hunt=hunts.get(hunt.id))

    stage.enricher.enrich = enrich
    return lambda: hunts.end(hunt.id, HuntState.FINISHED)


def test_the_suspicious_alarms_of_a_hunt_are_told_when_it_has_ended(make_stage):
    stage = make_stage(routes=[{"to": "soc", "digest": "per_hunt"}])
    stage.enricher.instance = None
    end = hunt_runs(stage)
    ids = [suspicious(stage, evidence) for evidence in (1, 2)]
    urgent = malicious(stage)
    until(stage, stage.moment + timedelta(hours=8))
    assert [message.id for message in stage.soc.sent] == [urgent]
    end()
    until(stage, stage.moment + timedelta(minutes=3))
    _, table = stage.soc.sent
    assert table.title == "Hunt weekly: 2 suspicious alarms in 2 systems, the worst first"
    assert table.summary == (
        "The hunt of 2026-11-24T02:00:00Z has ended. Alarms that are malicious have messages of their own."
    )
    assert {delivery(stage, id).state for id in ids} == {"delivered"}
    late = suspicious(stage, 3)
    until(stage, stage.moment + timedelta(minutes=10))
    assert stage.soc.sent[-1].id == late  # its table was told already


def test_the_table_names_systems_that_have_malicious_alarms_too(make_stage):
    stage = make_stage(routes=[{"to": "soc", "digest": "per_hunt"}])
    suspicious(stage, 1)
    stage.run()
    malicious(stage, 2)
    until(stage, stage.moment + timedelta(minutes=70))
    (line,) = stage.soc.sent[1].lines
    assert line.text.endswith("; this system has malicious alarms too")


def test_a_hunt_whose_end_nobody_knows_is_told_an_hour_after_its_last_alarm(make_stage):
    stage = make_stage(routes=[{"to": "soc", "digest": "per_hunt"}])
    suspicious(stage, 1)
    until(stage, stage.moment + timedelta(minutes=50))
    suspicious(stage, 2)
    until(stage, stage.moment + timedelta(minutes=50))
    assert titles(stage) == []
    until(stage, stage.moment + timedelta(minutes=20))
    assert titles(stage) == ["Project 3: 2 suspicious alarms in 1 system, the worst first"]


def test_a_hunt_that_ends_outside_the_hours_is_told_when_they_begin(make_stage):
    stage = make_stage(routes=[OFFICE_HOURS | {"digest": "per_hunt"}])
    end = hunt_runs(stage)
    suspicious(stage, 1)
    end()
    until(stage, OPENING - timedelta(minutes=1))
    assert titles(stage) == []
    until(stage, OPENING)
    assert titles(stage) == ["Hunt weekly: 1 suspicious alarm in 1 system, the worst first"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("route", [OFFICE_HOURS, {"to": "soc", "digest": "per_hunt"}])
def test_crashes_while_alarms_are_held_lose_nothing(make_stage, monkeypatch, route, seed):
    """A worker or the timer dies at every 9th write, again and again, until all is done."""
    stage = make_stage(routes=[route])
    stage.enricher.instance = None
    stage.moment = OPENING - timedelta(minutes=5)
    ids = [suspicious(stage, evidence) for evidence in range(1, 6)]
    writes, real = itertools.count(seed), stage.database.write

    def write(change, **durable):
        if next(writes) % 9 == 8:
            raise KeyboardInterrupt
        return real(change, **durable)

    monkeypatch.setattr(stage.database, "write", write)
    while stage.living() or list(stage.runtime.ledger.waiting_digests.all()):
        try:
            stage.run()
            queue_due_digests(stage.runtime)
        except KeyboardInterrupt:
            stage.work = stage.worker()
        stage.forward(20)
    monkeypatch.setattr(stage.database, "write", real)
    assert {delivery(stage, id).state for id in ids} == {"delivered"}
    in_digest = {id for id in ids if delivery(stage, id).ref.startswith("digest-")}
    sent = [(message.id, message.maybe_repeat) for message in stage.soc.sent]
    for id in {id for id, _ in sent}:
        assert sent.count((id, False)) == 1  # every repeat is marked
    assert {id for id, _ in sent if not id.startswith("digest-")} == set(ids) - in_digest
    told = [m for m in stage.soc.sent if m.id.startswith("digest-") and not m.maybe_repeat]
    assert sum(len(m.lines) for m in told) == len(in_digest)


WITH_REMINDERS = {
    "reminders": {"after": 1_800, "to": ["soc"]},
    "escalate": [{"after": 3_600, "to": ["office"]}],
}


def case_of(stage, id):
    return stage.runtime.ledger.cases.get(stage.runtime.ledger.events.case_of(id))


def test_the_reminders_of_a_held_case_begin_when_it_is_told(make_stage):
    stage = make_stage(routes=[OFFICE_HOURS | {"hold_malicious": True}], **WITH_REMINDERS)
    id, cases = malicious(stage), stage.runtime.ledger.cases
    stage.run()
    assert (case_of(stage, id).told, case_of(stage, id).held) == ((), {"soc": OPENING})
    assert (list(cases.unacknowledged()), list(cases.escalating())) == ([], [])
    until(stage, OPENING)
    assert (case_of(stage, id).told, case_of(stage, id).held) == (("soc",), {})
    assert [each.since for each in (*cases.unacknowledged(), *cases.escalating())] == [OPENING] * 2


def test_a_destination_that_was_not_told_of_a_case_gets_no_reminders(make_stage):
    held = OFFICE_HOURS | {"hold_malicious": True, "continue": True}
    stage = make_stage(routes=[held, {"to": "office"}], **WITH_REMINDERS)
    malicious(stage)
    for _ in range(12):  # an hour before the hours begin
        stage.run()
        send_reminders(stage.runtime)
        stage.forward(900)
    assert titles(stage) == []
    assert len(stage.office.sent) == 2  # the alarm, and a step of the escalation
    until(stage, OPENING)
    for _ in range(4):
        stage.run()
        send_reminders(stage.runtime)
        stage.forward(900)
    assert [message.kind for message in stage.soc.sent] == ["digest", "unacknowledged"]


def test_what_is_decided_about_a_held_case_is_told_with_it(make_stage):
    stage = make_stage(
        routes=[OFFICE_HOURS | {"hold_malicious": True}, {"match": {"event": "closed"}, "to": "soc"}]
    )
    stage.enricher.instance = None  # each evidence is a case of its own
    _, second, third = (malicious(stage, evidence) for evidence in (1, 2, 3))
    stage.run()
    taken = Acknowledgement("a-1", stage.moment, "ada", origin="the console")
    key = stage.runtime.ledger.events.case_of(second)
    stage.runtime.events.put(items.encode(items.AcknowledgeCase(key, dump(taken))))
    closing = CaseDecision(
        "d-1", Action.CLOSE, "ada", stage.moment, "the console", why="a test", verdict=Verdict.BENIGN
    )
    key = stage.runtime.ledger.events.case_of(third)
    stage.runtime.events.put(items.encode(items.DecideCase(key, dump(closing))))
    stage.run()
    assert titles(stage) == []
    until(stage, OPENING)
    (digest,) = stage.soc.sent
    states = sorted(line.text.partition("; ")[2] for line in digest.lines)
    assert states == ["", "closed as benign by ada at 2026-11-24 03:00 UTC: “a test”", "taken by ada"]


def test_a_thread_begins_only_after_its_case_was_told(make_world):
    """In Slack a held case has no thread. What is decided before the digest is told posts nothing."""
    world = make_world(routes=[OFFICE_HOURS | {"to": "ir"}])
    stage = world.stage
    id = suspicious(stage, 4)
    stage.run()
    key = stage.runtime.ledger.events.case_of(id)

    def decide(action, id):
        decision = CaseDecision(id, action, "ada", stage.moment, "the console")
        stage.runtime.events.put(items.encode(items.DecideCase(key, dump(decision))))
        stage.run()

    decide(Action.ACKNOWLEDGE, "d-1")
    assert world.slack.posts == []
    until(stage, OPENING)
    (digest,) = world.slack.posts
    assert header(digest).endswith("1 held alarm in 1 system, the worst first")
    assert "taken by ada" in str(digest.body)
    stage.forward(60)
    decide(Action.RELEASE, "d-2")
    opened = world.slack.posts[1]
    assert header(opened).endswith("1 suspicious event on web-01 (i-0aaaaaaaaaaaaaaa1)")
    assert buttons(opened)[0] == "Acknowledge"


def test_no_issue_is_offered_while_the_tracker_is_to_be_told_later(make_world):
    world = make_world(routes=[{"to": "ir", "continue": True}, OFFICE_HOURS | {"to": "tickets"}])
    suspicious(world.stage, 4)
    world.stage.run()
    assert "Create Jira issue" not in buttons(world.parent)
    until(world.stage, OPENING)
    assert len(world.jira.issues) == 1
