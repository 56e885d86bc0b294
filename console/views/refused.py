"""What the overview says about refused webhooks: what was wrong with them, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.storage.ledger.refusals import Refused

# By HTTP status: after the count, and what to do.
_REGISTER = "If the platform sends them, it has another token: register its webhooks again on Settings."
_WORDS = {
    400: ("malformed", "The platform sends none of these: look at the sender."),
    401: ("with a wrong token", f"{_REGISTER} If it does not, somebody is guessing."),
    408: ("not complete in time", "Look at the network between the platform and huntbridge."),
    413: ("too large", "The platform sends none that large: look at the sender."),
    415: ("compressed in an unknown way", "Let the proxy in front send bodies as they are."),
    431: ("with too many headers", "The platform sends none of these: look at the sender."),
    503: (
        "that could not be taken",
        "Their alarms are recovered from the platform. The checks on Settings say what is wrong.",
    ),
}
_OTHER = ("refused", "The log of huntbridge says more.")


@dataclass(frozen=True)
class RefusedLine:
    """Webhooks that were refused with one status."""

    status: int
    text: str  # such as "3 with a wrong token"
    at: datetime  # of the newest
    sender: str
    reason: str  # of the newest, as its sender was told
    advice: str


def refused_line(refused: Refused) -> RefusedLine:
    words, advice = _WORDS.get(refused.status, _OTHER)
    return RefusedLine(
        refused.status, f"{refused.count:,} {words}", refused.at, refused.sender, refused.reason, advice
    )
