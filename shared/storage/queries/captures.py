"""The captures of one system over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.models.captures import Capture
from shared.storage.ports import Store
from shared.storage.queries.pages import Rows


class CaptureQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def of_system(self, system_key: str, limit: int = 50, page: str = "") -> Rows[Capture]:
        """Newest first."""
        raise NotImplementedError
