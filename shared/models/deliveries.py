"""A delivery: one message to one destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Delivery:
    """One message to one destination, and what became of it."""

    event_id: str
    destination: str
    state: str = "pending"  # pending | sending | unsure | in digest | delivered | dead
    attempts: int = 0
    ref: str = ""  # a Jira key, for example
    reason: str = ""
    note: str = ""  # delivered, but not as composed: a field that Jira refused, for example
    in_doubt: bool = False  # an attempt may have arrived, and none since is known to have
    first_at: datetime | None = None
    last_at: datetime | None = None
