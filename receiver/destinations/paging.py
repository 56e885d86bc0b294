"""What a message means to a tool that pages people until somebody acknowledges: PagerDuty, JSM.

The tool must stand as the case stands now. A message may be late, and decisions may overtake each other.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from receiver.messages.facts import person_of
from receiver.messages.message import Message
from receiver.messages.safe_text import harmless_line
from receiver.messages.subject import host_of, system_of, titled
from shared.models.cases import CaseState
from shared.models.event_kinds import ACKNOWLEDGED, CLOSED, DECISION_KINDS


class Act(StrEnum):
    TRIGGER = "trigger"  # page somebody, unless the tool already does for this case
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


def acts_of(message: Message) -> tuple[Act, ...]:
    """What to do about the message's case, in this order."""
    since = message.decided_since
    if message.kind == ACKNOWLEDGED:
        return () if since else (Act.ACKNOWLEDGE,)
    if message.kind == CLOSED:
        return () if since else (Act.RESOLVE,)
    if since is CaseState.CLOSED:
        return (Act.RESOLVE,)  # nobody is paged for a case that is closed already
    return (Act.TRIGGER, Act.ACKNOWLEDGE) if since is CaseState.ACKNOWLEDGED else (Act.TRIGGER,)


def overtaken(message: Message) -> str:
    """A note for the record of a delivery that did not do what its message says; empty if it did."""
    match message.decided_since:
        case CaseState.CLOSED:
            return "the case was closed since, so nobody was paged"
        case CaseState.ACKNOWLEDGED:
            return "somebody has taken the case since"
        case CaseState.OPEN:
            return "the case was opened again since, so nothing was changed"
    return ""


def case_id(message: Message, longest: int) -> str:
    """The key of the case at the tool, at most `longest` characters. All messages of a case have the same."""
    key = message.case_key or f"huntbridge/{message.id}"
    return key if harmless_line(key, longest) == key else digest(key)


def digest(key: str) -> str:
    """SHA-256 of a case's key in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def content(message: Message) -> Message:
    """The message that says what the case is about, for a tool that may hear of the case for the first
    time."""
    return message.case_overview if message.kind in DECISION_KINDS else message


def source_of(message: Message) -> str:
    """The system's name, or its instance id; `huntbridge` if no system is known."""
    system = instance_of(message)
    return (host_of(message.alarm) if message.alarm else "") or system or "huntbridge"


def instance_of(message: Message) -> str:
    """The instance id of the system, or what people call one of another kind; empty if no system is known."""
    system = system_of(message.alarm) if message.alarm else None
    return titled(system, 80) if system else ""


def decided_by(message: Message) -> str:
    """Who decided what the message tells; empty if it tells of no decision."""
    alarm = message.alarm
    made = (alarm.decision or alarm.acknowledgement) if alarm else None
    return person_of(made.by) if made else ""
