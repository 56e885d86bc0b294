"""The runs of hunts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared.models.hunts import Hunt
from shared.storage.ports import Store
from shared.storage.queries.pages import Rows


class HuntQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def runs(self, *, name: str = "", limit: int = 50, page: str = "") -> Rows[Hunt]:
        """The runs of one hunt, or of all hunts, newest first."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """The names of the hunts that ever ran, sorted."""
        raise NotImplementedError
