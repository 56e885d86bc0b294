"""The item that looks for what the platform left behind in AWS."""

from __future__ import annotations

from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@_content
class Leftovers(Content):
    """Look in every account and region. It is queued once a day."""

    kind, key = "leftovers", "leftovers"
    day: str  # such as 2026-11-29

    def keys(self) -> dict[str, Any]:
        return {"leftovers": self.day}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["leftovers"])
