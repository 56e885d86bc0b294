"""What messages say about hunts and captures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from receiver.messages.compose import compose
from receiver.messages.hunts import NOT_HUNTED
from receiver.messages.message import Fact, Line, Message
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED
from shared.models.hunts import CaptureResult, HuntReport
from shared.models.severity import Severity
from shared.models.systems import System
from tests.receiver.messages.examples import NIGHT, WEB, alarm

ALARMS = "With alarms, worst first"


def test_capture_failed_quotes_the_reason() -> None:
    reason = "KMS key is disabled.\nSee the console."
    capture = Capture("weekly", WEB, CaptureState.FAILED, reason=reason)
    message = compose(alarm(CAPTURE_FAILED, system=WEB, capture=capture))
    assert (message.quote, message.summary) == (
        reason,
        "This system was not captured, so this hunt says nothing about it.",
    )


def hunt_report(**more: Any) -> Alarm:
    report = HuntReport("weekly-crown-jewels", NIGHT, 12, **more)
    return alarm(HUNT_FINISHED, report=report, project_id=12)


def test_hunt_finished_lists_systems_and_problems() -> None:
    captures = (
        CaptureResult(WEB, CaptureState.PROCESSED, 7, 8),
        CaptureResult(replace(WEB, account=""), CaptureState.FAILED, reason="It was terminated."),
        CaptureResult(WEB, CaptureState.PROCESSED),
    )
    message = compose(
        hunt_report(
            systems=13,
            captured=12,
            failed=1,
            with_alarms=5,
            captures=captures,
            problems=("SYSTEM7 is not JSON",),
        )
    )
    assert message == Message(
        id="e1",
        kind=HUNT_FINISHED,
        severity=Severity.MALICIOUS,
        title="Hunt weekly-crown-jewels finished: 12 captured, 1 failed, 5 with alarms",
        summary="13 systems, scheduled for 2026-11-22 02:00 UTC.",
        facts=(
            Fact("Hunt", "weekly-crown-jewels"),
            Fact("Scheduled", "2026-11-22 02:00 UTC"),
            Fact("Project", "id 12"),
            Fact("Received", "2026-11-22 12:00 UTC"),
        ),
        lines=(
            Line("1 system failed: It was terminated (i-0123456789abcdef0)", "Not hunted"),
            Line("Hunt definition: SYSTEM7 is not JSON", "Not hunted", 0),
            Line("i-0123456789abcdef0 (prod, us-east-1): 7 malicious, 8 suspicious", ALARMS),
            Line("1 system: i-0123456789abcdef0", "No alarms"),
        ),
        lines_total=13,
        labels=("huntbridge", "malicious", "hunt_finished", "weekly-crown-jewels"),
        case_key="project/12/evidence/e1",
    )


@pytest.mark.parametrize(
    ("numbers", "title"),
    [
        ({"systems": 2, "captured": 2}, "Hunt weekly-crown-jewels finished: 2 captured, no alarms"),
        (
            {"systems": 3, "captured": 1, "failed": 1},
            "Hunt weekly-crown-jewels finished: 1 captured, 1 failed, 1 unsettled, no alarms",
        ),
        (
            {"systems": 2, "reason": "The key was refused."},
            "Hunt weekly-crown-jewels failed: nothing was captured: The key was refused",
        ),
    ],
)
def test_hunt_finished_counts(numbers: dict[str, object], title: str) -> None:
    message = compose(hunt_report(**numbers))
    assert (message.title, message.quote) == (title, numbers.get("reason", ""))


def system(number: int) -> System:
    return System(f"i-{number:017x}", "us-east-1", "prod")


def test_a_report_begins_with_what_needs_a_hand_then_what_is_new_then_the_rest() -> None:
    terminated, key = "The instance was terminated.", "The KMS key is disabled."
    message = compose(
        hunt_report(
            systems=9,
            captured=5,
            failed=3,
            with_alarms=3,
            since=NIGHT - timedelta(days=7),
            new_alarms=3,
            new_with=1,
            left_out=("4 could not be read: access denied by EC2",),
            captures=(
                CaptureResult(system(0), CaptureState.PROCESSED, 7, name="web-00"),
                CaptureResult(system(1), CaptureState.PROCESSED, 3, 1, name="web-01", new=3, disks=2),
                CaptureResult(system(2), CaptureState.FAILED, reason=key, name="web-02"),
                CaptureResult(system(3), CaptureState.FAILED, reason=terminated, name="web-03"),
                CaptureResult(system(4), CaptureState.FAILED, reason=terminated),
                CaptureResult(system(5), CaptureState.UNKNOWN, 0, 2, reason="No answer.", name="web-05"),
                *(CaptureResult(system(n), CaptureState.PROCESSED, name=f"web-0{n}") for n in (6, 7)),
            ),
        )
    )
    new = "New since the hunt of 2026-11-15 02:00 UTC: 3 alarms on 1 system"
    assert message.lines == (
        Line(f"web-05 {system(5).instance} (prod, us-east-1): unknown, 2 suspicious. No answer.", NOT_HUNTED),
        Line(
            f"2 systems failed: The instance was terminated (web-03 {system(3).instance}, "
            f"{system(4).instance})",
            NOT_HUNTED,
            2,
        ),
        Line(f"1 system failed: The KMS key is disabled (web-02 {system(2).instance})", NOT_HUNTED),
        Line("4 could not be read: access denied by EC2", NOT_HUNTED, 0),
        Line(
            f"web-01 {system(1).instance} (prod, us-east-1): 3 malicious, 1 suspicious on 2 disks, "
            "3 of them new",
            new,
        ),
        Line(
            f"web-00 {system(0).instance} (prod, us-east-1): 7 malicious",
            "As in the hunt before, worst first",
        ),
        Line(f"2 systems: web-06 {system(6).instance}, web-07 {system(7).instance}", "No alarms", 2),
    )
    assert message.lines_total == 9
    assert message.gaps == ()
