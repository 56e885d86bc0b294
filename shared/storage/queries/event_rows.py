"""The row that lists show of an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.models.severity import Severity


@dataclass(frozen=True)
class EventRow:
    """One event, as lists show it."""

    id: str
    kind: str
    severity: Severity
    at: datetime  # when it was routed
    title: str = ""  # of its message
    system_key: str = ""  # `System.key`; empty if it names no system
    name: str = ""  # the instance's name
    hunt_id: str = ""
    project_id: int | None = None
    case: str = ""  # the key of its case
    to: tuple[str, ...] = ()  # destinations
    merged_into: str = ""  # the event whose message covers this one
    malicious: int = 0
    suspicious: int = 0
    techniques: Mapping[str, int] = field(default_factory=dict)  # findings by ATT&CK id
