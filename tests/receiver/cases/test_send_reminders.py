"""Reminders of malicious cases that nobody has acknowledged."""

from __future__ import annotations

import threading

from scheduler.reminders import send_reminders
from shared.models.event_kinds import ACKNOWLEDGED, UNACKNOWLEDGED
from tests.receiver.world import World, buttons, header


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
