"""Counts how many events a mute or a known-good entry has covered. Each counter is a note of its own, so that
people's decisions and the alarms do not write the same document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.storage import kinds
from shared.storage.ports import Body, Store

_RECENT = 50  # events that a counter remembers, so that a repeated event counts once


@dataclass(frozen=True)
class Hits:
    count: int = 0
    last: datetime | None = None


class HitCounts:
    """The counters of one group of notes."""

    def __init__(self, store: Store, group: str, now: Callable[[], datetime]) -> None:
        self._store, self._group, self._now = store, group, now

    def add(self, id: str, event_id: str) -> None:
        """Count an event. The same event counts once."""
        now = self._now()

        def count(body: Body | None) -> tuple[Body | None, None]:
            known: dict[str, Any] = body or {"count": 0, "recent": []}
            if event_id in known["recent"]:
                return None, None
            recent = [*known["recent"], event_id][-_RECENT:]
            return {"count": known["count"] + 1, "last": now.isoformat(), "recent": recent}, None

        self._store.update(kinds.NOTE, self._group, id, count)

    def of(self, ids: Iterable[str]) -> dict[str, Hits]:
        """The counters of all these, with one read of the store."""
        keys = {id: (kinds.NOTE, self._group, id) for id in ids}
        found = self._store.read_many(list(keys.values())) if keys else {}
        return {id: _hits(found[key].body if key in found else None) for id, key in keys.items()}


def _hits(body: Body | None) -> Hits:
    return Hits(int(body["count"]), datetime.fromisoformat(body["last"])) if body else Hits()
