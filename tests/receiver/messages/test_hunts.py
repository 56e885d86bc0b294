"""What messages say about hunts and captures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from receiver.messages.compose import compose
from receiver.messages.message import Fact, Message
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED
from shared.models.hunts import CaptureResult, HuntReport
from shared.models.severity import Severity
from tests.receiver.messages.examples import NIGHT, WEB, alarm


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
            "i-0123456789abcdef0 (prod, us-east-1): processed, 7 malicious, 8 suspicious",
            "i-0123456789abcdef0 (us-east-1): failed. It was terminated.",
            "i-0123456789abcdef0 (prod, us-east-1): processed, no alarms",
        ),
        lines_total=13,
        gaps=("Hunt definition: SYSTEM7 is not JSON",),
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
