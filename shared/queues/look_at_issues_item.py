"""The item by which a tracker is asked whether people have closed the issues of cases."""

from __future__ import annotations

from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@_content
class LookAtIssues(Content):
    """Look whether these issues of one tracker are closed. It is in [events]."""

    kind, key = "look_at_issues", "look_at"
    destination: str
    issues: dict[str, str]  # the key of each issue, by the key of its case; at most 100
    round: str  # the minute of the timer's round, so that the next round is told from a repeat of this one

    def keys(self) -> dict[str, Any]:
        return {"look_at": self.issues, "destination": self.destination, "round": self.round}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["destination"], keys["look_at"], keys["round"])
