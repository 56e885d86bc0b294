"""The item of the daily look at the whole organization."""

from __future__ import annotations

from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@_content
class CoverAccounts(Content):
    """Look at some accounts on one day. Number 0 finds the accounts and queues the other items."""

    kind, key = "cover_accounts", "cover"
    day: str  # such as 2026-11-29
    number: int
    accounts: tuple[str, ...]

    def keys(self) -> dict[str, Any]:
        return {"cover": self.day, "number": self.number, "accounts": list(self.accounts)}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["cover"], keys["number"], tuple(keys["accounts"]))
