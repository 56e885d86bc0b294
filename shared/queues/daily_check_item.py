"""The item of the daily check. It is in a file of its own, since it is of two queues."""

from __future__ import annotations

from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@_content
class DailyCheck(Content):
    """Check one part without sending anything. In [events] the part is a destination; in [captures] it is
    one of scheduler/daily_check.py."""

    kind, key = "daily_check", "check"
    part: str
    day: str  # such as 2026-11-29

    def keys(self) -> dict[str, Any]:
        return {"check": self.part, "day": self.day}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["check"], keys["day"])
