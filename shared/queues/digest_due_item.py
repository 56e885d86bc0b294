"""The item by which the timer says that a digest is due."""

from __future__ import annotations

from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@_content
class DigestDue(Content):
    """Tell a destination of the alarms that were held for it in one digest. It is in [events]."""

    kind, key = "digest_due", "digest_due"
    destination: str
    digest_id: str

    def keys(self) -> dict[str, Any]:
        return {"digest_due": self.digest_id, "destination": self.destination}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["destination"], keys["digest_due"])
