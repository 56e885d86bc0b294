"""The item that tells one step of an escalation. Imports as little as shared/queues/items.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from shared.queues.content import Content, content


@content
class Escalation(Content):
    """Tell more people of a case that nobody has taken since `since`. This is the escalation's step `number`
    of `steps`, from 1."""

    kind, key = "escalation", "escalate"
    case_key: str
    number: int
    steps: int
    since: datetime
    to: tuple[str, ...]  # destinations

    def keys(self) -> dict[str, Any]:
        return {
            "escalate": self.case_key,
            "number": self.number,
            "steps": self.steps,
            "since": self.since.isoformat(),
            "to": list(self.to),
        }

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        since = datetime.fromisoformat(keys["since"])
        return cls(keys["escalate"], keys["number"], keys["steps"], since, tuple(keys["to"]))
