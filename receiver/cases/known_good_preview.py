"""What a known-good entry would have covered in the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.messages.subject import system_of
from shared.models.known_good import Entry, Place, best_match
from shared.models.occurrences import occurrences
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.events import EventQueries
from shared.storage.queries.pages import MAX_LIMIT

MOST = 500  # events that are looked at, the newest


@dataclass(frozen=True)
class Preview:
    looked_at: int = 0  # events
    events: int = 0  # of which the entry covers at least one finding
    findings: int = 0
    systems: tuple[str, ...] = ()  # instance ids
    more: bool = False  # there were more events than are looked at


def preview(events: EventQueries, ledger: Ledger, entry: Entry, since: datetime) -> Preview:
    """What the entry covers of the events from `since` on, as if it had been valid then."""
    looked_at = covered_events = findings = 0
    systems: dict[str, None] = {}
    page = ""
    while looked_at < MOST:
        rows = events.list(since=since, limit=min(MAX_LIMIT, MOST - looked_at), page=page)
        looked_at += len(rows.rows)
        for alarm in ledger.events.whole_alarms(row.id for row in rows.rows).values():
            system = system_of(alarm)
            if system is None:
                continue
            hunt, tags = alarm.hunt, alarm.instance.tags if alarm.instance else {}
            place = Place(system.lasting, hunt.name if hunt else "", tags)
            matches = [best_match(each, place, (entry,), entry.at) for each in occurrences(alarm.findings)]
            covered = sum(match is not None and not match.not_covered for match in matches)
            if covered:
                covered_events += 1
                findings += covered
                systems[system.title] = None
        page = rows.next
        if not page:
            break
    return Preview(looked_at, covered_events, findings, tuple(systems), bool(page))
