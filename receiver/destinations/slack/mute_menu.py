"""Composes the menu of a case's message from which a person mutes the findings of the case."""

from __future__ import annotations

from typing import Any

from receiver.destinations.slack.close_menu import (
    MAX_CONFIRM_BUTTON,
    MAX_CONFIRM_TEXT,
    MAX_CONFIRM_TITLE,
    MAX_OPTION,
    MAX_PLACEHOLDER,
)
from receiver.destinations.slack.escape import plain
from receiver.intake.slack_request import MUTE, ONE_DAY, SEVEN_DAYS, UNTIL_NEXT_HUNT

_LENGTHS = {ONE_DAY: "1 day", SEVEN_DAYS: "7 days"}
_CONFIRMATION = (
    "Until then the findings of this case on this system send no messages, except malicious ones. Other "
    "findings there still send messages. Everybody sees the mute, with your name."
)


def mute_menu(*, next_hunt: bool) -> dict[str, Any]:
    """The element; its block has the case key as `block_id`. `next_hunt`: the case's hunt is scheduled."""
    lengths = _LENGTHS | ({UNTIL_NEXT_HUNT: "Until the next hunt"} if next_hunt else {})
    return {
        "type": "static_select",
        "action_id": MUTE,
        "placeholder": plain("Mute…", MAX_PLACEHOLDER),
        "options": [{"text": plain(text, MAX_OPTION), "value": value} for value, text in lengths.items()],
        "confirm": {
            "title": plain("Mute the findings of this case?", MAX_CONFIRM_TITLE),
            "text": plain(_CONFIRMATION, MAX_CONFIRM_TEXT),
            "confirm": plain("Mute them", MAX_CONFIRM_BUTTON),
            "deny": plain("Cancel", MAX_CONFIRM_BUTTON),
        },
    }
