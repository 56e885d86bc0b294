"""What a mute would have covered in the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.events.mutes import fitting
from shared.config.config import Config
from shared.models.mutes import Mute
from shared.models.severity import Severity
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.events import EventQueries
from shared.storage.queries.pages import MAX_LIMIT

MOST = 500  # events that are looked at, the newest
_EXAMPLES = 5


@dataclass(frozen=True)
class Preview:
    looked_at: int = 0
    covered: int = 0
    malicious: int = 0  # of those that are covered
    more: bool = False  # there were more events than are looked at
    examples: tuple[str, ...] = ()  # titles of some that are covered, which may be hostile text


def preview(events: EventQueries, ledger: Ledger, config: Config, mute: Mute, since: datetime) -> Preview:
    """The events from `since` on that the mute covers, whenever it begins and ends. Raises StoreError."""
    looked_at = covered = malicious = 0
    titles: list[str] = []
    page = ""
    while looked_at < MOST:
        rows = events.list(since=since, limit=min(MAX_LIMIT, MOST - looked_at), page=page)
        for row in rows.rows:
            looked_at += 1
            alarm = ledger.events.whole_alarm(row.id)
            if alarm is None or fitting(alarm, [mute], config) is None:
                continue
            covered += 1
            malicious += row.severity is Severity.MALICIOUS
            titles.append(row.title or row.id)
        page = rows.next
        if not page:
            break
    return Preview(looked_at, covered, malicious, bool(page), tuple(titles[:_EXAMPLES]))
