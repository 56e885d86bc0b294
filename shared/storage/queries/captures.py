"""The captures of one system over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.models.captures import Capture
from shared.models.codec import load
from shared.models.systems import lasting_key
from shared.storage import indexes, kinds
from shared.storage.ports import Record, Store
from shared.storage.queries.pages import Rows, bounded, position, token
from shared.storage.queries.reading import Span, rows


class CaptureQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def of_system(self, system_key: str, limit: int = 50, page: str = "") -> Rows[Capture]:
        """Newest first."""
        question = {"list": "captures", "system": system_key}
        after, limit = position(question, page), bounded(limit)
        captures, after = rows(
            self._store,
            kinds.CAPTURE,
            Span(f"{indexes.CAPTURES_OF_SYSTEM}{lasting_key(system_key)}"),
            _capture,
            limit=limit,
            after=after,
        )
        return Rows(tuple(captures), token(question, after))


def _capture(record: Record) -> Capture:
    return load(Capture, record.body)
