"""The lines of a case's timeline: what happened, what was sent, and who did what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.filters import counted
from console.views.references import Reference, reference
from shared.config.destinations.registry import DestinationConfig
from shared.models.deliveries import DeliveryState
from shared.models.system_findings import Status
from shared.storage.audit import Entry
from shared.storage.queries.case_timeline import TimelineEntry
from shared.storage.queries.deliveries import DeliveryRow
from shared.storage.queries.event_rows import EventRow
from shared.text import one_line

_REASON = 400  # characters of a reason
# How the audit log names what was done, and how the timeline says it.
_DONE = {
    "ack": "Taken",
    "case release": "Given back",
    "case close": "Closed",
    "case reopen": "Reopened",
    "capture again": "Asked to be captured again",
    "known good end": "Known good ended",
    "event resend": "Sent again",
    "dead retry": "Retried",
    "dead discard": "Discarded",
}
_STATES = {
    DeliveryState.DELIVERED: ("ok", "Delivered"),
    DeliveryState.DEAD: ("fault", "Not delivered"),
    DeliveryState.DISCARDED: ("none", "Discarded, not delivered"),
    DeliveryState.UNSURE: ("fault", "Perhaps delivered"),
    DeliveryState.SENDING: ("busy", "Being sent"),
    DeliveryState.IN_DIGEST: ("ok", "Put into a digest"),
    DeliveryState.PENDING: ("waiting", "Waiting"),
    DeliveryState.GATHERING: ("waiting", "Waiting"),
    DeliveryState.IN_GROUP: ("waiting", "Waiting"),
}


@dataclass(frozen=True)
class Line:
    """One line: `lead` in bold, then `rest`; below it the parts of `more`."""

    at: datetime
    mark: str  # the shape; empty for a step without one
    lead: str
    rest: str = ""
    quote: str = ""  # what a person wrote
    more: tuple[str, ...] = ()
    reference: Reference | None = None
    event_id: str = ""  # of the event that it is about


def line_of(entry: TimelineEntry, configured: Mapping[str, DestinationConfig]) -> Line:
    if entry.event:
        return _of_event(entry.at, entry.event)
    if entry.delivery:
        return _of_delivery(entry.at, entry.delivery, configured)
    if entry.audit:
        return _of_audit(entry.audit)
    return Line(entry.at, "", "Something happened")  # a later version wrote it


def _of_event(at: datetime, event: EventRow) -> Line:
    mark = event.severity.value if event.malicious or event.suspicious else ""
    to = f"sent to {', '.join(event.to)}" if event.to else "sent to nobody"
    to += f": the mute {event.mute} covers it" if event.mute else ""
    covered = f"covered by the message of {event.merged_into}" if event.merged_into else to
    more = (event.kind, covered, *_withheld(event))
    return Line(at, mark, event.title or event.kind, more=more, event_id=event.id)


def _withheld(event: EventRow) -> Iterator[str]:
    """What people were not told of the event."""
    for count, status in ((event.known, Status.KNOWN), (event.muted, Status.MUTED)):
        if count:
            yield f"{counted(count, f'{status} finding')} withheld"
    if event.still:
        yield f"{counted(event.still, 'finding')} still there"


def _of_delivery(at: datetime, row: DeliveryRow, configured: Mapping[str, DestinationConfig]) -> Line:
    mark, word = _STATES.get(row.state, ("waiting", row.state.value))
    if row.hold:
        mark, word = "waiting", "Held"
    known = reference(row.destination, row.ref, configured)
    to = f" for {row.destination}" if word in ("Waiting", "Held") else f" to {row.destination}"
    to += row.hold.words.removeprefix("held") if row.hold else ""
    return Line(
        at,
        mark,
        word,
        rest=f"{to}: {one_line(row.reason, _REASON)}" if row.reason and mark != "ok" else to,
        more=tuple(_about_delivery(row)),
        reference=known if known.text else None,
        event_id=row.event_id,
    )


def _about_delivery(row: DeliveryRow) -> Iterator[str]:
    if row.event and row.event.title:
        yield row.event.title
    if row.attempts > 1:
        yield counted(row.attempts, "attempt")
    if row.shared_with:
        yield one_line(row.shared_with, _REASON)
    if row.note:
        yield one_line(row.note, _REASON)


def _of_audit(entry: Entry) -> Line:
    after = {**entry.after}
    verdict = str(after.pop("closed_as", "") or "").replace("_", " ")
    why = str(after.pop("why", "") or "")
    refused = str(after.pop("refused", "") or "")
    to = str(after.pop("to", "") or "")
    lead = "Refused" if refused else _DONE.get(entry.action, entry.action.capitalize())
    rest = f" by {entry.by or 'huntbridge'}" + (f" as {verdict}" if verdict else "")
    rest = f" to {to}{rest}" if to else rest
    run = str(after.get("hunt") or "")
    more = tuple(filter(None, (entry.origin, refused, _known_good(after), f"run {run}" if run else "")))
    return Line(entry.at, "fault" if refused else "", lead, rest, why, more)


def _known_good(after: Mapping[str, Any]) -> str:
    """What a verdict made known good."""
    count, until = after.get("known_good"), str(after.get("known_good_until", ""))[:10]
    if not isinstance(count, int):
        return ""
    return f"{counted(count, 'finding')} known good" + (f" until {until}" if until else "")
