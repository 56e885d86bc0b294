"""Why an alarm is not told at once: it waits for the hours of its route, or for the end of its hunt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from shared.models.active_hours import ActiveHours

PROJECT = "project/"  # a hunt of which only the project is known is named by this and the project's id


@dataclass(frozen=True)
class Hold:
    """Alarms with the same digest id are told together."""

    until: datetime | None = None  # when the hours begin; None: it waits for the end of a hunt
    hunt: str = ""  # the id of that hunt, or PROJECT and a project's id
    attempt: int = 1  # of the hunt
    hours: ActiveHours | None = None  # of the route; None: it may be told at any time

    @property
    def words(self) -> str:
        """Such as "held until 2026-11-30 08:00 Europe/Berlin"."""
        if self.until:
            return f"held until {local_minute(self.until, self.hours.timezone if self.hours else 'UTC')}"
        end = "its hunt has ended"
        if self.hunt.startswith(PROJECT):
            end = f"the alarms of project {self.hunt.removeprefix(PROJECT)} have ended"
        return f"held until {end}" + (" and the hours of its route have begun" if self.hours else "")

    @property
    def digest_id(self) -> str:
        if self.until:
            return f"digest-held-{self.until.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        parts = "\0".join((self.hunt, str(self.attempt), str(self.hours or "")))
        return f"digest-hunt-{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


@dataclass(frozen=True)
class WaitingDigest:
    """A digest that is not due yet, as far as it is known."""

    destination: str
    id: str
    hold: Hold
    last_at: datetime  # when its last alarm came


def local_minute(moment: datetime, timezone: str) -> str:
    """Such as "2026-11-30 08:00 Europe/Berlin"."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"
