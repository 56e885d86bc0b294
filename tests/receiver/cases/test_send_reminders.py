"""Reminders of malicious cases that nobody has acknowledged."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from receiver.assemble import case_decisions
from receiver.messages.message import Message
from scheduler.reminders import send_reminders
from shared.failures import SomeFailed
from shared.models.decisions import Verdict
from shared.models.event_kinds import ACKNOWLEDGED, UNACKNOWLEDGED
from shared.models.people import Person
from shared.storage.ledger.cases import Cases
from tests.receiver.world import CASE, World, buttons, header

ADA = Person("ada", "console")


def reminded(world: World) -> None:
    send_reminders(world.stage.runtime)
    world.stage.run_all()


REMINDERS = {"after": 1_800, "to": ["ir", "office"], "times": 2}


def test_reminders_of_a_malicious_case_end_after_the_configured_number(make_world):
    world = make_world(reminders=REMINDERS)
    world.alarm()
    title = "Nobody has taken this yet: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    world.stage.forward(1_700)
    reminded(world)
    assert len(world.thread()) == 1

    world.stage.forward(60)
    reminded(world)
    reminded(world)
    assert world.thread()[1:] == [f"▲ {title} !"]
    assert header(world.parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert "Acknowledge" in buttons(world.parent)
    (card,) = world.stage.office.sent
    assert (card.kind, card.title) == (UNACKNOWLEDGED, title)
    assert card.summary == "First told at 2026-11-24 03:00 UTC. Reminder 1 of 2."

    for _ in range(5):
        world.stage.forward(1_800)
        reminded(world)
    assert world.thread()[1:] == [f"▲ {title} !"] * 2
    assert [card.summary[-16:] for card in world.stage.office.sent] == [
        "Reminder 1 of 2.",
        "Reminder 2 of 2.",
    ]

    world.click()
    assert world.stage.office.sent[-1].title.startswith("Taken by ada")  # who was reminded hears of it too


def test_an_acknowledgement_ends_the_reminders_even_one_in_the_queue(make_world):
    world = make_world(reminders=REMINDERS)
    world.alarm()
    world.stage.forward(1_800)
    world.slack.fail(503, times=3, on="POST /api/")
    send_reminders(world.stage.runtime)
    world.stage.run()
    world.click(run=False)
    world.stage.run_all()
    for _ in range(3):
        world.stage.forward(1_800)
        reminded(world)
    assert [text for text in world.thread() if "Nobody" in text] == []
    assert [message.kind for message in world.stage.office.sent] == [UNACKNOWLEDGED, ACKNOWLEDGED]


def test_eight_timers_at_once_send_each_reminder_once(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem", "times": 3})
    world.alarm()
    for _ in range(4):
        threads = [threading.Thread(target=send_reminders, args=(world.stage.runtime,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.stage.run_all()
        world.stage.forward(60)
    assert [message.summary[-16:] for message in world.siem.sent[1:]] == [
        "Reminder 1 of 3.",
        "Reminder 2 of 3.",
        "Reminder 3 of 3.",
    ]


def test_a_later_alarm_of_the_case_does_not_restart_the_reminders(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem", "times": 2})
    world.alarm()
    for _ in range(4):
        world.stage.forward(60)
        reminded(world)
    world.alarm(9)
    for _ in range(4):
        world.stage.forward(60)
        reminded(world)
    assert [message.kind for message in world.siem.sent] == [
        "high_severity_alarm",
        UNACKNOWLEDGED,
        UNACKNOWLEDGED,
        "high_severity_alarm",
    ]


def test_after_a_long_outage_one_reminder_replaces_all_that_were_due(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem", "times": 5})
    world.alarm()
    world.stage.forward(3_600)
    for _ in range(3):
        reminded(world)
    assert [message.kind for message in world.siem.sent[1:]] == [UNACKNOWLEDGED]


def test_only_malicious_cases_get_reminders_at_the_configured_destinations(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem"})
    world.stage.receive(
        b'{"event": "suspicious_severity_event", "message": "3 events in project id 3 evidence id 4"}'
    )
    world.stage.run_all()
    world.stage.forward(3_600)
    reminded(world)
    assert len(world.siem.sent) == 1


def test_without_the_section_no_reminders_are_sent(make_world):
    world = make_world(["siem"])
    world.alarm()
    world.stage.forward(36_000)
    reminded(world)
    assert len(world.siem.sent) == 1


def test_a_clock_that_was_set_back_delays_a_reminder_by_one_period_at_most(make_world):
    world = make_world(["siem"], reminders={"after": 60, "to": "siem"})
    world.alarm()
    world.stage.forward(-86_400)
    reminded(world)
    assert [message.kind for message in world.siem.sent[1:]] == [UNACKNOWLEDGED]


def test_recovery_does_not_count_acknowledgements_and_reminders_as_alarms(make_world):
    """Otherwise an alarm of a later processing run, whose webhook was lost, would count as told."""
    world = make_world(["siem"], reminders={"after": 60, "to": "siem"})
    world.alarm()
    world.stage.forward(60)
    reminded(world)
    records = world.stage.runtime.ledger.events.of_project(3)
    assert {record.kind: record.evidence_id for record in records} == {
        "high_severity_alarm": 4,
        UNACKNOWLEDGED: None,
    }


ESCALATE = [{"after": "30m", "to": "siem"}, {"after": 3_600, "to": ["siem", "office"]}]


def minutes(world: World, count: int) -> None:
    """Let the timer run every half minute."""
    for _ in range(2 * count):
        world.stage.forward(30)
        reminded(world)


def steps(messages: list[Message]) -> list[str]:
    """The steps that were told, and how many minutes after the case became open."""
    told = []
    for message in messages:
        if message.kind == UNACKNOWLEDGED:
            assert message.alarm
            since, _, step = message.summary.partition(". ")
            opened = datetime.strptime(since, "Open since %Y-%m-%d %H:%M %Z").replace(tzinfo=UTC)
            waited = message.alarm.event.received_at - opened
            told.append(f"{step.partition(' of the')[0]} after {waited.total_seconds() // 60:.0f}")
    return told


def test_each_step_of_an_escalation_is_told_once_and_in_time(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    minutes(world, 28)
    assert steps(world.siem.sent) == []
    minutes(world, 200)
    assert steps(world.siem.sent) == ["Step 1 of 2 after 30", "Step 2 of 2 after 60"]
    assert steps(world.stage.office.sent) == ["Step 2 of 2 after 60"]
    (message,) = world.stage.office.sent
    assert message.title == "Nobody has taken this yet: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    world.alarm(9)
    minutes(world, 200)
    assert len(steps(world.siem.sent)) == 2  # a later alarm is no new opening of the case


@pytest.mark.parametrize("decide", ["acknowledge", "close"])
def test_an_escalation_ends_when_the_case_is_taken_or_closed(make_world, decide):
    world = make_world(["siem"], escalate=ESCALATE)
    decisions = case_decisions(world.stage.runtime)
    world.alarm()
    minutes(world, 35)
    if decide == "acknowledge":
        decisions.acknowledge(CASE, ADA)
    else:
        decisions.close(CASE, ADA, Verdict.BENIGN, "A test of ours")
    minutes(world, 200)
    assert steps(world.siem.sent) == ["Step 1 of 2 after 30"]
    assert steps(world.stage.office.sent) == []
    assert list(world.stage.runtime.ledger.cases.escalating()) == []


def test_an_escalation_begins_anew_when_the_case_is_given_back_or_reopened(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    decisions = case_decisions(world.stage.runtime)
    world.alarm()
    minutes(world, 20)
    decisions.acknowledge(CASE, ADA)
    minutes(world, 20)
    decisions.release(CASE, ADA)
    minutes(world, 28)
    assert steps(world.siem.sent) == []
    minutes(world, 200)
    decisions.close(CASE, ADA, Verdict.BENIGN, "A test of ours")
    minutes(world, 200)
    decisions.reopen(CASE, ADA)
    minutes(world, 40)
    decisions.close(CASE, ADA, Verdict.BENIGN, "A test of ours")
    minutes(world, 5)
    world.alarm(9)
    minutes(world, 200)
    assert steps(world.siem.sent) == [
        *("Step 1 of 2 after 30", "Step 2 of 2 after 60"),  # given back
        "Step 1 of 2 after 30",  # reopened by a person
        *("Step 1 of 2 after 30", "Step 2 of 2 after 60"),  # reopened by an alarm
    ]


def test_a_step_in_the_queue_is_not_told_of_a_case_that_is_taken_in_the_meantime(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    world.stage.forward(1_800)
    send_reminders(world.stage.runtime)
    case_decisions(world.stage.runtime).acknowledge(CASE, ADA)
    world.stage.run_all()
    assert steps(world.siem.sent) == []


def test_eight_timers_at_once_tell_each_step_once(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    for _ in range(4):
        world.stage.forward(1_200)
        at_once = [threading.Thread(target=send_reminders, args=(world.stage.runtime,)) for _ in range(8)]
        for thread in at_once:
            thread.start()
        for thread in at_once:
            thread.join()
        world.stage.run_all()
    assert len(steps(world.siem.sent)) == 2


def test_after_a_long_stop_every_step_that_was_due_is_told_once(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    world.stage.forward(86_400)
    for _ in range(3):
        reminded(world)
    assert [step[:11] for step in steps(world.siem.sent)] == ["Step 1 of 2", "Step 2 of 2"]
    assert len(world.stage.office.sent) == 1


def test_a_crash_after_a_step_was_queued_tells_it_once(make_world, monkeypatch):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    world.stage.forward(1_800)
    with monkeypatch.context() as patched:
        patched.setattr(Cases, "record_steps", lambda *args, **kwargs: 1 / 0)
        for _ in range(3):
            with pytest.raises(SomeFailed):
                send_reminders(world.stage.runtime)
            world.stage.run_all()
    reminded(world)
    assert len(steps(world.siem.sent)) == 1


def test_a_clock_that_was_set_back_starts_an_escalation_again(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    world.stage.forward(-86_400)
    minutes(world, 29)
    assert steps(world.siem.sent) == []
    minutes(world, 3)
    assert len(steps(world.siem.sent)) == 1


def test_a_suspicious_case_is_not_escalated_until_it_becomes_malicious(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.stage.receive(
        b'{"event": "suspicious_severity_event", "message": "3 events in project id 3 evidence id 4"}'
    )
    minutes(world, 100)
    assert steps(world.siem.sent) == []
    world.alarm()
    minutes(world, 31)
    assert steps(world.siem.sent) == ["Step 1 of 2 after 30"]


def test_reminders_and_an_escalation_do_not_count_for_each_other(make_world):
    world = make_world(["siem"], escalate=ESCALATE[:1], reminders={"after": 1_800, "to": "siem", "times": 2})
    world.alarm()
    minutes(world, 200)
    assert sorted(message.summary.partition(". ")[2] for message in world.siem.sent[1:]) == [
        "Reminder 1 of 2.",
        "Reminder 2 of 2.",
        "Step 1 of 1 of the escalation.",
    ]


def test_who_was_told_by_a_step_hears_of_the_end(make_world):
    world = make_world(["siem"], escalate=ESCALATE)
    world.alarm()
    minutes(world, 70)
    case_decisions(world.stage.runtime).acknowledge(CASE, ADA)
    world.stage.run_all()
    assert [message.kind for message in world.stage.office.sent] == [UNACKNOWLEDGED, ACKNOWLEDGED]
