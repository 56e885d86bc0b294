"""The row that lists show of an event, from its document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.models.codec import load
from shared.models.events import RoutedEvent
from shared.models.severity import Severity
from shared.storage import indexes, kinds
from shared.storage.ports import Key, Record
from shared.storage.queries.reading import Span


@dataclass(frozen=True)
class EventRow:
    """One event, as lists show it."""

    id: str
    kind: str
    severity: Severity
    at: datetime  # when it was routed
    title: str = ""  # of its message; empty if an earlier version stored the event
    system_key: str = ""  # `System.lasting_key`; empty if it names no system
    name: str = ""  # the instance's name
    hunt_id: str = ""
    project_id: int | None = None
    case: str = ""  # the key of its case
    to: tuple[str, ...] = ()  # destinations
    merged_into: str = ""  # the event whose message covers this one
    mute: str = ""  # the id of the mute because of which nobody was told
    malicious: int = 0
    suspicious: int = 0
    techniques: Mapping[str, int] = field(default_factory=dict)  # alarms by ATT&CK id
    known: int = 0  # findings that are known good, and so were not told
    muted: int = 0  # findings that are muted, and so were not told
    still: int = 0  # findings of an open case that were told before


def event_key(event_id: str) -> Key:
    return kinds.EVENT, event_id, "routed"


def event_row(record: Record) -> EventRow:
    event = load(RoutedEvent, record.body)
    facts = event.facts
    return EventRow(
        id=event.id,
        kind=event.kind,
        severity=event.severity,
        at=event.at,
        title=facts.title,
        system_key=facts.system,
        name=facts.name,
        hunt_id=facts.hunt_id,
        project_id=facts.project_id,
        case=event.case,
        to=event.to,
        merged_into=event.merged_into,
        mute=event.mute,
        malicious=facts.malicious,
        suspicious=facts.suspicious,
        techniques=facts.techniques,
        known=facts.known,
        muted=facts.muted,
        still=facts.still,
    )


def span_of(*, system: str = "", case: str = "", hunt: str = "") -> Span:
    """The index of events that is likely to be the shortest."""
    if case:
        return Span(f"{indexes.EVENTS_OF_CASE}{case}")
    if system:
        return Span(f"{indexes.EVENTS_OF_SYSTEM}{system}")
    return Span(f"{indexes.EVENTS_OF_HUNT}{hunt}" if hunt else indexes.EVENTS)


def between(span: Span, since: datetime | None, until: datetime | None) -> Span:
    """The part of the span from `since` on and before `until`."""
    return replace(
        span,
        since=indexes.at(since) if since else "",
        until=indexes.at(until) if until else "",
    )
