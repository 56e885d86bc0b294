"""The item of the daily preflight, which is of [captures]."""

from __future__ import annotations

from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@_content
class PreflightHunt(Content):
    """Look for what will keep the next run of a hunt from capturing its systems."""

    kind, key = "preflight", "preflight"
    hunt: str  # its name
    day: str  # such as 2026-11-29

    def keys(self) -> dict[str, Any]:
        return {"preflight": self.hunt, "day": self.day}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["preflight"], keys["day"])
