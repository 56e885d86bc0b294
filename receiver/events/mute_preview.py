"""What a mute would have covered in the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.events.mutes import covering
from shared.config.config import Config
from shared.models.mutes import Mute
from shared.models.severity import Severity
from shared.models.systems import System
from shared.phrases import counted
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.events import EventQueries
from shared.storage.queries.pages import MAX_LIMIT

MOST = 500  # events that are looked at, the newest
_EXAMPLES = 5
_DAYS, _OF_SYSTEM = 30, 100  # of which events of one system are counted, and how many at most


@dataclass(frozen=True)
class Preview:
    looked_at: int = 0
    covered: int = 0
    partly: int = 0  # events of which it covers some findings only
    malicious: int = 0  # of those that are covered
    systems: int = 0  # that the covered events are about, also those that are covered partly
    more: bool = False  # there were more events than are looked at
    examples: tuple[EventRow, ...] = ()  # some that are covered; their titles may be hostile text


def preview(
    events: EventQueries,
    ledger: Ledger,
    config: Config,
    mute: Mute,
    since: datetime,
    most: int = MOST,
    system: str = "",
) -> Preview:
    """The events from `since` on that the mute covers, whenever it begins and ends. `system`: the key of the
    only system that it can cover. Raises StoreError."""
    looked_at = partly = 0
    covered: list[EventRow] = []
    systems = set()
    page = ""
    while looked_at < most:
        rows = events.list(system=system, since=since, limit=min(MAX_LIMIT, most - looked_at), page=page)
        looked_at += len(rows.rows)
        alarms = ledger.events.whole_alarms(row.id for row in rows.rows)
        for row in rows.rows:
            alarm = alarms.get(row.id)
            muted = covering(alarm, (mute,), config, mute.at) if alarm else None
            if alarm is None or muted is None:
                continue
            if muted.whole:
                covered.append(row)
            elif muted.findings and alarm.judgement and alarm.judgement.complete:
                partly += 1
            else:
                continue
            systems.add(row.system_key)
        page = rows.next
        if not page:
            break
    return Preview(
        looked_at,
        len(covered),
        partly,
        sum(row.severity is Severity.MALICIOUS for row in covered),
        len(systems - {""}),
        bool(page),
        tuple(covered[:_EXAMPLES]),
    )


def preview_of_system(
    events: EventQueries, ledger: Ledger, config: Config, mute: Mute, system: System
) -> str:
    """A sentence about the last events of the only system that the mute covers. Raises StoreError."""
    since = mute.at - timedelta(days=_DAYS)
    past = preview(events, ledger, config, mute, since, _OF_SYSTEM, system=system.lasting_key)
    of = f"{'the newest ' if past.more else ''}{counted(past.looked_at, 'event')}"
    partly = f", and a part of {past.partly:,} more" if past.partly else ""
    return f"It would have covered {past.covered:,} of {of} of the last {_DAYS} days there{partly}."
