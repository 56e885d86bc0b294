"""A capture of one system that a person asks for from its case."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from shared.models.hunts import Hunt, hunt_name, hunt_time
from shared.models.systems import Instance, System

AGAIN = "again-"  # what the names of its hunts begin with


class AgainRefused(Exception):
    """The system is not captured again. The text is a sentence for people, without its full stop."""


@dataclass(frozen=True)
class CaptureAgain:
    """What was asked for. The scheduler makes a hunt of this one system of it."""

    system: System
    mode: str
    at: datetime
    by: str  # who asked, and from where
    case_key: str
    facts: Instance | None = None  # as in `Capture`

    @property
    def hunt(self) -> Hunt:
        digest = hashlib.sha256(self.system.lasting.encode("utf-8", "surrogatepass")).hexdigest()
        return Hunt(f"{AGAIN}{digest[:12]}", self.at.replace(microsecond=0), mode=self.mode, systems=1)


def run_in_words(hunt_id: str) -> str:
    """A run, such as `again-0123456789ab of 2026-11-24 03:01 UTC`. In Slack, the id itself would lose its
    colons."""
    return f"{hunt_name(hunt_id)} of {hunt_time(hunt_id)[:16].replace('T', ' ')} UTC"
