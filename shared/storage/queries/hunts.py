"""The runs of hunts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.models.codec import load
from shared.models.hunts import Hunt
from shared.storage import indexes, kinds
from shared.storage.ports import Record, Store
from shared.storage.queries.pages import Rows, bounded, position, token
from shared.storage.queries.reading import Span, rows

_MAX_NAMES = 100


class HuntQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def runs(self, *, name: str = "", limit: int = 50, page: str = "") -> Rows[Hunt]:
        """The runs of one hunt, or of all hunts, newest first."""
        question = {"list": "hunts", "name": name}
        after, limit = position(question, page), bounded(limit)
        if name:
            found = self._store.page_of_group(kinds.HUNT, name, limit=limit, after=after, newest_first=True)
            return Rows(tuple(map(_hunt, found.records)), token(question, found.after))
        hunts, after = rows(self._store, kinds.HUNT, Span(indexes.HUNTS), _hunt, limit=limit, after=after)
        return Rows(tuple(hunts), token(question, after))

    def names(self) -> list[str]:
        """The names of the hunts that ever began, sorted; at most 100."""
        found = self._store.page_of_group(kinds.TURN, "", limit=_MAX_NAMES)
        return [record.name for record in found.records]


def _hunt(record: Record) -> Hunt:
    return load(Hunt, record.body)
