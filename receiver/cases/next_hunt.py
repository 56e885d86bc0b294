"""When the hunt of a case is due next."""

from __future__ import annotations

from datetime import datetime

from shared.config.config import Config
from shared.models.alarms import Alarm


def next_hunt(alarm: Alarm, config: Config, now: datetime) -> datetime | None:
    """When the schedule of the alarm's hunt is due next; None if the hunt is not known, or not scheduled any
    more."""
    definition = config.hunts.get(alarm.hunt.name) if alarm.hunt else None
    calendar = definition.calendar if definition else None
    return calendar.next_after(now) if calendar else None
