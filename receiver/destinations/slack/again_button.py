"""The button that has the system of a case captured again. Slack asks back before it reports the click."""

from __future__ import annotations

from typing import Any

from receiver.destinations.slack.close_menu import (
    MAX_CONFIRM_BUTTON,
    MAX_CONFIRM_TEXT,
    MAX_CONFIRM_TITLE,
)
from receiver.destinations.slack.escape import plain
from receiver.intake.slack_request import CAPTURE_AGAIN

_TEXT = "Capture again"
_CONFIRMATION = (
    "The platform captures this system once more, in full if it can. That takes time, and costs what a "
    "capture costs. The log shows your name."
)


def again_button(case_key: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": CAPTURE_AGAIN,
        "text": plain(_TEXT, 75),
        "value": case_key,
        "confirm": {
            "title": plain("Capture this system again?", MAX_CONFIRM_TITLE),
            "text": plain(_CONFIRMATION, MAX_CONFIRM_TEXT),
            "confirm": plain(_TEXT, MAX_CONFIRM_BUTTON),
            "deny": plain("Cancel", MAX_CONFIRM_BUTTON),
        },
    }
