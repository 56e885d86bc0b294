"""One event: its messages, and what was decided about each of its findings."""

from __future__ import annotations

from dataclasses import dataclass

from console.views.timeline import Line, line_of
from receiver.events.mutes import NEVER_MUTED
from receiver.messages.subject import system_of
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.judgements import JudgedFinding, Judgement
from shared.models.known_good import Entry
from shared.phrases import ordinal
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.case_timeline import TimelineEntry
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.queries import Queries


@dataclass(frozen=True)
class FindingLine:
    finding: JudgedFinding
    words: str  # what was decided about it
    entry: Entry | None  # the known-good entry that names it, as it is now


@dataclass(frozen=True)
class EventView:
    row: EventRow
    outcome: str  # who was told, or why nobody was
    note: str  # why nothing is said of its findings; empty if something is
    findings: tuple[FindingLine, ...]
    more: int  # findings that are not kept
    deliveries: tuple[Line, ...]
    can_be_muted: bool  # a mute can cover such an event, and the ledger has its alarm


def event_view(queries: Queries, ledger: Ledger, config: Config, id: str) -> EventView | None:
    """None if there is no such event. Raises StoreError."""
    detail = queries.events.get(id)
    if detail is None:
        return None
    judgement = detail.alarm.judgement if detail.alarm else None
    entries = _entries(ledger, detail.alarm)
    lines = (
        TimelineEntry(each.last_at or each.first_at or detail.row.at, delivery=each)
        for each in detail.deliveries
    )
    found = judgement.findings if judgement else ()
    return EventView(
        detail.row,
        detail.where_told or _outcome(detail.row, judgement),
        _note(judgement),
        tuple(FindingLine(each, each.status.words, entries.get(each.by)) for each in found),
        judgement.total - len(found) if judgement else 0,
        tuple(line_of(each, config.destinations) for each in lines),
        detail.alarm is not None and detail.row.kind not in NEVER_MUTED,
    )


def _entries(ledger: Ledger, alarm: Alarm | None) -> dict[str, Entry]:
    """The known-good entries that may name its findings, by id. One read of the store."""
    system = system_of(alarm) if alarm and alarm.judgement else None
    return {entry.id: entry for entry in ledger.known_good.naming(system.lasting)} if system else {}


def _outcome(row: EventRow, judgement: Judgement | None) -> str:
    if row.merged_into:
        return f"No message: the message of the event {row.merged_into} has it already."
    if row.mute:
        return f"No message: the mute {row.mute} covers it."
    if judgement and judgement.still:
        hunts = f" This is the {ordinal(judgement.hunts)} hunt that found it." if judgement.hunts > 1 else ""
        return f"No new message: nothing is new about the open case.{hunts}"
    if judgement and judgement.withheld:
        return "No message: all its findings are withheld."
    return "No message was sent."


def _note(judgement: Judgement | None) -> str:
    if judgement is None:
        return "Its findings were not compared with earlier ones, or the ledger keeps them no more."
    if not judgement.complete:
        return "The platform did not confirm where each alarm is, so nothing of it could be withheld."
    return ""
