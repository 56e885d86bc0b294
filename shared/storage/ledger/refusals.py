"""The record of refused webhooks: how many there were in each hour of the last day, and the newest of each
status. One small document, whoever sends however much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.models.codec import dump, load
from shared.storage import kinds
from shared.storage.ledger.day_counts import DAY
from shared.storage.ports import Body, Key, Record, Store
from shared.text import one_line

REFUSED: Key = (kinds.NOTE, kinds.REFUSAL_NOTES, "day")
_MAX_STATUSES = 20
_MAX_TEXT = 200  # characters of a reason and of a sender


@dataclass(frozen=True)
class Refused:
    """Webhooks that were refused with the same HTTP status."""

    status: int
    count: int
    at: datetime  # of the newest, as the two below
    reason: str
    sender: str  # its address


@dataclass(frozen=True)
class RefusedDay:
    """The document of one day: how many webhooks were refused, and the newest refusal of each status."""

    hours: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by hour, then by status
    newest: Mapping[str, Refused] = field(default_factory=dict)  # by status


class RefusalCounts:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def add(self, refused: Iterable[Refused]) -> None:
        """Raises StoreError."""
        more, now = tuple(refused), self._now()

        def change(body: Body | None) -> tuple[Body, None]:
            return dump(_with(load(RefusedDay, body) if body else RefusedDay(), more, now)), None

        self._store.update(*REFUSED, change, durable=False)


def in_a_day(record: Record | None, now: datetime) -> tuple[Refused, ...]:
    """The refused webhooks of the last 24 hours, one for each status, the newest first."""
    day = load(RefusedDay, record.body) if record else RefusedDay()
    found = []
    for status, newest in day.newest.items():
        count = sum(hour.get(status, 0) for name, hour in day.hours.items() if name > _hour(now - DAY))
        if count:
            found.append(Refused(newest.status, count, newest.at, newest.reason, newest.sender))
    return tuple(sorted(found, key=lambda refused: refused.at, reverse=True))


def _with(day: RefusedDay, more: Iterable[Refused], now: datetime) -> RefusedDay:
    hours = {name: dict(hour) for name, hour in day.hours.items() if name > _hour(now - DAY)}
    newest = dict(day.newest)
    for refused in more:
        status = str(refused.status)
        if status not in newest and len(newest) >= _MAX_STATUSES:
            continue
        hour = hours.setdefault(_hour(min(refused.at, now)), {})
        hour[status] = hour.get(status, 0) + refused.count
        if status not in newest or newest[status].at <= refused.at:
            reason, sender = (one_line(text, _MAX_TEXT) for text in (refused.reason, refused.sender))
            newest[status] = Refused(refused.status, refused.count, min(refused.at, now), reason, sender)
    return RefusedDay({name: hour for name, hour in hours.items() if name > _hour(now - DAY)}, newest)


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H}"
