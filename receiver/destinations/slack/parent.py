"""Composes the two texts of a case: the parent message, which is edited, and the replies in its thread."""

from __future__ import annotations

from dataclasses import replace

from receiver.destinations.slack.blocks import Form
from receiver.destinations.slack.case_thread import CaseThread, without_update
from receiver.messages.message import Message
from shared.models.event_kinds import ACKNOWLEDGED
from shared.text import one_line


def parent(message: Message, thread: CaseThread) -> Message:
    """The parent after this message. It shows how bad the case was at worst, and the facts of the latest
    alarm."""
    overview = message.case_overview
    latest = without_update(overview.title)
    history = f"{thread.alarms:,} alarms so far, each in the thread." if thread.alarms > 1 else ""
    if latest != thread.title:
        history = f"{history} The latest: {latest}."
    return replace(
        overview,
        severity=thread.severity,
        title=thread.title,
        summary=one_line(f"{history} {overview.summary}".strip(), 1_000),
        maybe_repeat=False,
    )


def parent_form(message: Message) -> Form:
    """How much the parent shows: what a decision needs, if its thread has the rest."""
    return Form.WHOLE if stands_alone(message.case_overview) else Form.HEAD


def without_mention(message: Message) -> Message:
    """The message without the mention of the owner, for a reply. An acknowledgement keeps its mention, which
    is of the user who acknowledged."""
    return message if message.kind == ACKNOWLEDGED else replace(message, owner=None)


def stands_alone(message: Message) -> bool:
    """Whether the case can have no other alarm, so that its thread would only repeat the parent."""
    return not message.case_key or message.case_key.endswith(f"/{message.id}")
