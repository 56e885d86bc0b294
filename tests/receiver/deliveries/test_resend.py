"""An event is sent again to one destination, because a person asks for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from receiver.assemble import case_decisions, resending
from receiver.deliveries.resend import NothingToSend
from shared.models.alarms import Alarm
from shared.models.cases import CaseState, Verdict
from shared.models.deliveries import DeliveryState
from shared.models.event_kinds import CLOSED
from shared.models.evidence import Finding
from shared.models.people import Person
from shared.models.severity import Severity
from shared.queues.sizes import MAX_ITEM
from shared.storage import audit
from tests.receiver.conftest import Enricher
from tests.receiver.world import CASE, TITLE, World, header

ADA = Person("ada", "the console")
ALARM = "high_severity_alarm"


def again(world: World, event: str, destination: str, person: Person = ADA) -> str:
    return resending(world.stage.runtime).send_again(event, destination, person)


def test_an_event_is_sent_again_and_its_message_says_who_asked(make_world):
    world = make_world(["siem"])
    first = world.alarm()
    id = again(world, first, "siem")
    world.stage.run_all()
    assert id.startswith(f"again:{first}:")
    before, repeat = world.siem.sent
    assert (repeat.id, repeat.kind, repeat.title, repeat.case_key) == (id, ALARM, before.title, CASE)
    said = f"Sent because ada asked for it; event {first} told the same before."
    assert repeat.summary == f"{said} {before.summary}"
    assert (repeat.alarm.sent_again.event_id, repeat.alarm.sent_again.by) == (first, "ada")
    delivery = world.stage.runtime.ledger.deliveries.get(id, "siem")
    assert delivery.state is DeliveryState.DELIVERED
    row = world.stage.runtime.queries.events.get(id).row
    assert (row.kind, row.to, row.case, row.malicious) == (ALARM, ("siem",), CASE, 5)
    (entry,) = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (entry.action, entry.about, entry.by, entry.origin) == ("event resend", CASE, "ada", "the console")
    assert entry.after == {"event": first, "to": "siem", "sent_as": id}


def test_a_destination_that_the_case_had_not_reached_gets_it_and_hears_of_the_case_from_now_on(make_world):
    world = make_world(["siem"])
    first = world.alarm()
    again(world, first, "tickets")
    again(world, first, "ir")
    world.stage.run_all()
    issue = world.jira.issues["SEC-1"]
    assert issue.fields["summary"] == TITLE
    assert "Sent because ada asked for it" in json.dumps(issue.fields["description"])
    assert header(world.parent) == f"▲ {TITLE}"
    case_decisions(world.stage.runtime).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    world.stage.run_all()
    assert "Closed as benign by ada" in json.dumps(issue.comments)
    assert world.thread()[-1].startswith("▲ Closed as benign by ada")
    assert world.siem.sent[-1].kind == CLOSED


def test_a_repeat_is_no_news_for_its_case(make_world):
    """It counts as no alarm, reopens neither the case nor the issue, and is not shown in the channel."""
    world = make_world(["ir", "tickets"])
    world.alarm()
    second = world.alarm(9)
    case_decisions(world.stage.runtime).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    issue = world.jira.issues["SEC-1"]
    world.stage.run_all()
    issue.status = "Done"
    parent = dict(world.parent.body)
    again(world, second, "ir")
    again(world, second, "tickets")
    world.stage.run_all()
    case = world.stage.runtime.ledger.cases.get(CASE)
    assert (case.state, case.alarms) == (CaseState.CLOSED, 2)
    assert issue.status == "Done"
    assert "Sent because ada asked for it" in json.dumps(issue.comments[-1])
    assert world.thread()[-1] == "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert world.parent.body == parent


def test_the_same_request_within_a_minute_is_one(make_world):
    world = make_world(["siem"])
    first = world.alarm()
    ids = {again(world, first, "siem") for _ in range(3)}
    world.stage.run_all()
    world.stage.forward(30)
    ids.add(again(world, first, "siem", Person("bob", "here")))
    world.stage.run_all()
    assert len(ids) == 1
    assert len(world.siem.sent) == 2
    assert len(list(audit.newest(world.stage.runtime.store, world.stage.moment))) == 1
    world.stage.forward(60)
    later = again(world, first, "siem")
    world.stage.run_all()
    assert later not in ids
    assert len(world.siem.sent) == 3


def test_a_request_that_is_killed_can_be_made_again(make_world, monkeypatch):
    world = make_world(["siem"])
    first = world.alarm()

    def dies(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.stage.runtime.deliveries, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            again(world, first, "siem")
    again(world, first, "siem")
    world.stage.run_all()
    assert len(world.siem.sent) == 2


def test_a_repeat_can_be_sent_again_and_names_the_first_event(make_world):
    world = make_world(["siem"])
    first = world.alarm()
    repeat = again(world, first, "siem")
    world.stage.run_all()
    world.stage.forward(60)
    third = again(world, repeat, "siem")
    world.stage.run_all()
    assert third.startswith(f"again:{first}:")
    assert len(third) == len(repeat)
    assert third != repeat
    assert world.siem.sent[-1].alarm.sent_again.event_id == first


def test_a_decision_and_an_event_of_a_hunt_can_be_sent_again(make_world):
    world = make_world(["siem"])
    world.alarm()
    case = case_decisions(world.stage.runtime).close(CASE, ADA, Verdict.BENIGN, "A nightly job")
    world.stage.run_all()
    again(world, f"{CLOSED}:{CASE}:{case.last_decision}", "office")
    world.stage.run_all()
    (card,) = world.stage.office.sent
    assert card.title.startswith("Closed as benign by ada")
    assert card.summary.startswith("Sent because ada asked for it")


def test_what_cannot_be_sent_again_is_refused_with_a_reason(make_world):
    world = make_world(["siem"])
    first = world.alarm()

    def refused(event: str, destination: str = "siem") -> str:
        with pytest.raises(NothingToSend) as error:
            again(world, event, destination)
        return str(error.value)

    assert refused(first, "nowhere") == "there is no destination 'nowhere' in the configuration"
    assert refused("unheard") == "there is no event 'unheard'"
    merged = world.stage.receive(
        b'{"event": "high_severity_alarm", "message": "5 high severity alarms in project id 3 evidence id 4"}'
    )
    world.stage.run_all()
    assert refused(merged) == (
        f"event {merged} was never sent itself: the message of event {first} covers it; send that one again"
    )
    world.alarm(9)
    world.stage.runtime.store.delete("whole-alarm", first, "-")
    assert refused(first) == (
        f"nothing is left of event {first}: an earlier version of huntbridge sent it and kept no copy"
    )
    assert world.stage.living() == 0


def test_the_worst_alarm_of_a_case_is_kept_by_the_case_alone_too(make_world):
    world = make_world(["siem"])
    first = world.alarm()
    world.stage.runtime.store.delete("whole-alarm", first, "-")
    again(world, first, "siem")
    world.stage.run_all()
    assert world.siem.sent[-1].title == TITLE


class ManyFindings(Enricher):
    def enrich(self, event) -> Alarm:
        finding = Finding("x" * 150, 1, Severity.MALICIOUS, path="/tmp/" + "y" * 200)
        return replace(super().enrich(event), findings=(finding,) * (MAX_ITEM // 300))


def test_a_large_alarm_is_sent_again_whole(make_world):
    world = make_world(["siem"])
    world.stage.enricher = ManyFindings()
    world.stage.work = world.stage.worker()
    first = world.alarm()
    again(world, first, "siem")
    world.stage.run_all()
    before, repeat = world.siem.sent
    assert len(repeat.alarm.findings) == len(before.alarm.findings) == MAX_ITEM // 300
    assert repeat.alarm.event.id == repeat.id
    assert repeat.summary.startswith("Sent because ada asked for it")


@pytest.mark.slow
def test_a_repeat_never_goes_into_a_digest(make_world):
    world = make_world(["siem"])
    suspicious = world.stage.receive(
        b'{"event": "suspicious_severity_event", "message": "3 events in project id 3 evidence id 4"}'
    )
    world.stage.run_all()
    world.stage.forward(timedelta(minutes=2).total_seconds())
    for number in range(400):
        body = b'{"event": "suspicious_severity_event", "message": "3 events in project id %d evidence id 4"}'
        world.stage.receive(body % (number + 10))
    world.stage.run()
    id = again(world, suspicious, "siem")
    world.stage.run_all(step=5)
    assert id in [message.id for message in world.siem.sent]
