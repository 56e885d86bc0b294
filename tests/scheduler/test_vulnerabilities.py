"""What the platform says of vulnerabilities at the end of a hunt: the report, what is new, what is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.views.run import run_view
from demo.platform.records import SimVulnerability
from receiver.messages.compose import compose
from shared.config.vulnerabilities import VulnerabilitiesConfig
from shared.models.alarms import Alarm
from shared.models.event_kinds import HUNT_FINISHED, VULNERABILITIES_FOUND
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.vulnerabilities import MAX_ROWS
from shared.platform.vulnerabilities import MOST
from tests.scheduler.staging import QUIET, SUNDAY, Stage

OLD = SimVulnerability("CVE-2025-0001", installed="3.0.1", fixed="3.0.2", in_use="true")
HIGH = SimVulnerability("CVE-2025-0002", "high", "curl", "8.1")
LOW = SimVulnerability("CVE-2025-0003", "low", "vim", "9.0")
NEW = SimVulnerability("CVE-2026-0004", package="libwebp", installed="1.2", in_use="true", first=2)
NEW_UNUSED = SimVulnerability("CVE-2026-0005", package="ffmpeg", installed="5.1", first=2)
WEAK = replace(QUIET, vulnerabilities=(OLD, HIGH, LOW, NEW, NEW_UNUSED))


def hunt(stage: Stage, week: int = 0) -> list[Event]:
    """Run a hunt to its end. Returns its events."""
    stage.moment = max(stage.moment, SUNDAY + timedelta(weeks=week))
    stage.start(SUNDAY + timedelta(weeks=week))
    stage.run_to_end()
    return stage.events()


def of_kind(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


def report(events: list[Event]) -> Any:
    (event,) = of_kind(events, HUNT_FINISHED)
    assert event.report
    return event.report.vulnerabilities


def asking(stage: Stage, **settings: Any) -> None:
    config = stage.runtime.config
    section = VulnerabilitiesConfig.model_validate(settings)
    stage.runtime.config = config.model_copy(update={"vulnerabilities": section})


def test_the_report_of_a_hunt_counts_them_and_what_is_new(make_stage):
    stage = make_stage(fleet=(WEAK,))
    first = report(hunt(stage))
    assert (first.critical, first.high, first.in_use, first.systems) == (1, 1, 1, 1)
    assert (first.new, first.since, first.complete) == (None, None, True)
    second = report(hunt(stage, 1))
    assert (second.critical, second.in_use, second.new, second.since) == (3, 2, 2, SUNDAY)
    third = report(hunt(stage, 2))
    assert (third.new, third.since) == (0, SUNDAY + timedelta(weeks=1))


def test_the_message_and_the_page_about_the_run_show_them(make_stage):
    stage = make_stage(fleet=(WEAK,))
    hunt(stage)
    (event,) = of_kind(hunt(stage, 1), HUNT_FINISHED)
    facts = {fact.label: fact.value for fact in compose(Alarm(event, Severity.INFO)).facts}
    assert facts["Vulnerabilities"] == (
        "3 critical and 1 high on 1 system, 2 in packages in use, 2 new since the hunt of "
        "2026-11-29 02:00 UTC"
    )
    assert event.hunt_id
    view = run_view(stage.runtime, event.hunt_id)
    assert view
    assert view.vulnerabilities
    assert view.vulnerabilities.words.startswith(
        "3 critical and 1 high on 1 system, 2 of them in packages in"
    )
    (weak,) = view.vulnerabilities.worst
    assert [row.cve for row in weak.found.rows] == [OLD.cve, NEW.cve, NEW_UNUSED.cve, HIGH.cve]
    assert (weak.found.new, weak.title) == (2, QUIET.instance_id)


def test_nobody_is_told_unless_the_configuration_asks_for_it(make_stage):
    stage = make_stage(fleet=(WEAK,))
    assert of_kind(hunt(stage), VULNERABILITIES_FOUND) == []


@pytest.mark.parametrize(
    ("settings", "first", "second"),
    [
        ({}, {OLD}, {NEW, NEW_UNUSED}),
        ({"in_use": True}, {OLD}, {NEW}),
        ({"tell": ["critical", "high"]}, {OLD, HIGH}, {NEW, NEW_UNUSED}),
        ({"tell": "high"}, {HIGH}, set()),
    ],
)
def test_what_is_new_is_told_once_a_hunt(make_stage, settings, first, second):
    stage = make_stage(fleet=(WEAK,))
    asking(stage, **settings)
    for week, expected in enumerate((first, second, set())):
        events = of_kind(hunt(stage, week), VULNERABILITIES_FOUND)
        text = "\n".join(event.text for event in events)
        assert len(events) == bool(expected)
        assert {each for each in WEAK.vulnerabilities if each.cve in text} == expected


def test_the_message_about_new_ones(make_stage):
    stage = make_stage(fleet=(WEAK,))
    asking(stage, in_use=True)
    (event,) = of_kind(hunt(stage), VULNERABILITIES_FOUND)
    message = compose(Alarm(event, Severity.UNKNOWN))
    assert message.title == "1 new vulnerability on 1 system of hunt weekly"
    assert [line.text for line in message.lines] == [
        "i-0aaaaaaaaaaaaaaa1: CVE-2025-0001 (critical) in openssl 3.0.1, mended in 3.0.2, in use"
    ]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_platform_that_does_not_say_changes_nothing(make_stage, status):
    stage = make_stage(fleet=(WEAK,))
    stage.platform.fault("GET", "/api/v3/vulnerabilities", status)
    events = hunt(stage)
    assert report(events) is None
    assert [event.kind for event in events] == [HUNT_FINISHED]
    view = run_view(stage.runtime, events[0].hunt_id or "")
    assert view
    assert view.vulnerabilities is None


def test_more_than_are_read_are_counted_as_at_least(make_stage):
    many = tuple(SimVulnerability(f"CVE-2026-{number:05}") for number in range(MOST + 1))
    stage = make_stage(fleet=(replace(QUIET, vulnerabilities=many),))
    asking(stage)
    (event,) = of_kind(hunt(stage), HUNT_FINISHED)
    assert event.report
    found = event.report.vulnerabilities
    assert found
    assert (found.critical, found.complete, found.new) == (MOST, False, None)
    facts = {fact.label: fact.value for fact in compose(Alarm(event, Severity.INFO)).facts}
    assert facts["Vulnerabilities"].startswith("at least 3,000 critical and 0 high")
    (stored,) = stage.runtime.ledger.vulnerabilities.of_hunt(event.hunt_id or "").values()
    assert (len(stored.rows), len(stored.ids)) == (MAX_ROWS, MOST)
    events = hunt(stage, 1)
    assert of_kind(events, VULNERABILITIES_FOUND) == []  # which of them are new is not known
    assert report(events).new is None
