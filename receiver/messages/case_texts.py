"""What a message says about a case itself: that somebody acknowledged it, or that nobody has."""

from __future__ import annotations

from receiver.messages.content import Content
from receiver.messages.counts import counts_in_words, worst_finding
from receiver.messages.facts import person_of
from receiver.messages.safe_text import harmless_line
from receiver.messages.subject import where
from receiver.messages.wording import joined, sentences
from shared.models.alarms import Alarm


def acknowledged(alarm: Alarm) -> Content:
    who = person_of(alarm.acknowledgement) if alarm.acknowledgement else "somebody"
    about = joined(counts_in_words(alarm), where(alarm))
    return Content(title=f"Taken by {who}: {about}" if about else f"Taken by {who}")


def unacknowledged(alarm: Alarm) -> Content:
    """The text says since when the case is open, and how often people were reminded."""
    about = joined(counts_in_words(alarm) or "alarms", where(alarm))
    return Content(
        title=f"Nobody has taken this yet: {about}",
        summary=sentences(harmless_line(alarm.event.text, 200), worst_finding(alarm.findings)),
    )
