"""How many events there were, by week."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shared.models.codec import load
from shared.models.severity import Severity
from shared.models.weeks import last_weeks, monday_of
from shared.storage import kinds
from shared.storage.ledger.weeks import WeekCounts
from shared.storage.ports import Record, Store

MAX_WEEKS = 53


@dataclass(frozen=True)
class WeekTrend:
    """The events of one ISO week."""

    start: date  # the Monday
    events: Mapping[Severity, int]  # every severity, also those without events
    kinds: Mapping[str, int] = field(default_factory=dict)
    techniques: Mapping[str, int] = field(default_factory=dict)  # findings by ATT&CK id
    withheld: int = 0

    @property
    def total(self) -> int:
        return sum(self.events.values())


class TrendQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def __call__(self, weeks: int) -> tuple[WeekTrend, ...]:
        """The last weeks, oldest first; the last one is the present week. The counts are a few minutes
        old."""
        names = last_weeks(self._now(), max(1, min(weeks, MAX_WEEKS)))
        read = self._store.read_many([(kinds.WEEK, "", name) for name in names])
        return tuple(week_trend(name, read.get((kinds.WEEK, "", name))) for name in names)


def week_trend(week: str, record: Record | None) -> WeekTrend:
    counts = load(WeekCounts, record.body) if record else WeekCounts()
    return WeekTrend(
        monday_of(week),
        {severity: counts.severities.get(severity.value, 0) for severity in Severity},
        counts.kinds,
        counts.techniques,
    )
