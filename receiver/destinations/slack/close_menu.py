"""Composes the menu of a case's message from which a person closes the case with a verdict.

A case key may be too long for the value of an option, so it is the `block_id` of the menu's block. A case
with a longer key has no menu.
"""

from __future__ import annotations

from typing import Any

from receiver.destinations.slack.escape import plain
from receiver.intake.slack_request import CLOSE
from shared.models.decisions import Verdict

MAX_BLOCK_ID = 255  # docs.slack.dev/reference/block-kit
# docs.slack.dev/reference/block-kit/composition-objects: option object and confirmation dialog object
MAX_OPTION = 75
MAX_CONFIRM_TITLE, MAX_CONFIRM_TEXT, MAX_CONFIRM_BUTTON = 100, 300, 30
MAX_PLACEHOLDER = 150

_VERDICTS = {
    Verdict.TRUE_POSITIVE: "True positive: an attack",
    Verdict.BENIGN: "Benign: real, but allowed",
    Verdict.FALSE_POSITIVE: "False positive: not real",
}
_CONFIRMATION = (
    "All destinations of the case get a message with your name. After “benign” or “false positive”, its "
    "findings are known good on this system for the usual time, and send no messages. Malicious findings "
    "still do, unless somebody names them."
)


def close_menu() -> dict[str, Any]:
    """The element; its block has the case key as `block_id`."""
    return {
        "type": "static_select",
        "action_id": CLOSE,
        "placeholder": plain("Close as…", MAX_PLACEHOLDER),
        "options": [
            {"text": plain(text, MAX_OPTION), "value": verdict.value} for verdict, text in _VERDICTS.items()
        ],
        "confirm": {
            "title": plain("Close this case?", MAX_CONFIRM_TITLE),
            "text": plain(_CONFIRMATION, MAX_CONFIRM_TEXT),
            "confirm": plain("Close the case", MAX_CONFIRM_BUTTON),
            "deny": plain("Cancel", MAX_CONFIRM_BUTTON),
        },
    }
