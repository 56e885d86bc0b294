"""Notifies people of dead items: sends an event of kind `undelivered` to another destination.

Each malicious alarm that died has a notice of its own at once, up to OWN_NOTICES in an hour for one
destination. All other dead items are counted, and one notice an hour says how many there are. The dead items
themselves are kept by their queues.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Self

from shared.config.config import Config
from shared.failures import attempt_each
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.event_kinds import UNDELIVERED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import ABANDONED, DELIVERIES, Again, Done, Item, Queue, Verdict
from shared.storage import kinds
from shared.storage.ledger.notes import Notes
from shared.storage.ports import Body, Store

log = logging.getLogger(__name__)

INTERVAL = timedelta(hours=1)  # between two notices about the same destination
OWN_NOTICES = 10  # malicious alarms that have a notice of their own within that time
_MAX_REASON = 1_000  # characters
QUEUE = "the queue "  # `about` begins with this if a notice is about a queue, not a destination


def fallbacks(config: Config) -> tuple[str, ...]:
    """The destinations for notices, in order. A notice goes to the first one that it is not about."""
    names = (config.delivery.fallback, *config.default, *config.destinations)
    return tuple(name for name in names if name)


class DeadLetterNotices:
    """`queues`: all queues. `fallbacks`: see the function of this name."""

    def __init__(
        self,
        store: Store,
        queues: Collection[Queue],
        events: Queue,
        deliveries: Queue,
        fallbacks: Sequence[str],
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._notes, self._now = store, Notes(store), now
        self._queues, self._events, self._deliveries = queues, events, deliveries
        self._fallbacks = fallbacks

    def count_abandoned(self) -> None:
        """Count the items that a queue itself put among the dead. Any number of timers may do this at once.
        Raises SomeFailed after all queues were looked at."""
        attempt_each(self._queues, self._count_abandoned, lambda queue: f"the queue {queue.name}")

    def _count_abandoned(self, queue: Queue) -> None:
        now, dead = self._now(), queue.depth().dead
        last_look = self._notes.get(kinds.DEAD_ITEM_NOTES, queue.name)
        if not dead or (dead == last_look.get("dead") and _time_until(last_look["again"], now)):
            return
        queue.adopt(partial(self.count, queue.name, reason=ABANDONED))
        # The number may stay the same while the items differ, so the queue is looked at again after INTERVAL.
        again = (now + INTERVAL).isoformat()
        self._notes.save(kinds.DEAD_ITEM_NOTES, queue.name, {"dead": dead, "again": again})

    def count(self, queue: str, item: Item, reason: str, alarm: Alarm | None = None) -> None:
        """Count one more dead item of this queue. `alarm` is its subject if the item itself does not hold
        it."""
        about, reason = _about(queue, item), reason[:_MAX_REASON]
        if not about:
            return
        alarm = _alarm_of(item) or alarm
        malicious = alarm is not None and alarm.severity is Severity.MALICIOUS
        if not (alarm and malicious and self._send_own_notice(about, item, alarm, reason)):
            self._count(about, reason, malicious)

    def _send_own_notice(self, about: str, item: Item, alarm: Alarm, reason: str) -> bool:
        """Returns False if the alarm must be counted with the others, because OWN_NOTICES were sent within
        the hour or no destination is left."""
        destination, now = self.fallback(about), self._now()
        if destination is None or self._tally(about).own_notices(now) >= OWN_NOTICES:
            return False
        # The id holds the time when the item came in. So an item that is put back and dies again has a new
        # notice.
        id = f"{UNDELIVERED}:{about}:{alarm.event.id}:{item.added_at.timestamp():.3f}"
        event = replace(
            alarm.event,
            id=id,
            kind=UNDELIVERED,
            received_at=now,
            title=about,
            text=reason,
            alarms=None,
            note="",
        )
        notice = replace(alarm, event=event, case=id, findings=(), findings_total=0, gaps=())
        notice = replace(notice, earlier=None, change=None)
        body = items.encode(items.DeliverAlarm(destination, dump(notice)))
        self._deliveries.put(body, id=f"{id}:{destination}", urgent=True, lane=destination)
        self._update(about, lambda tally: tally.with_own_notice(now))
        return True

    def _count(self, about: str, reason: str, malicious: bool) -> None:
        now = self._now()
        tally = self._update(about, lambda tally: tally.with_dead_item(reason, malicious))
        if not _time_until(tally.due, now):  # otherwise the notice on its way will count this item too
            self._enqueue(about, tally.dead, now, _time_until(tally.next, now) or timedelta())

    def _enqueue(self, about: str, dead: int, now: datetime, delay: timedelta) -> None:
        """Put a notice into [events], and record that it is on its way."""
        # Enqueue before recording: a duplicate is ignored, a missing notice would be lost.
        notice = items.encode(items.DeadLetterNotice(about))
        self._events.put(notice, id=f"notice:{about}:{dead}", delay=delay.total_seconds())
        due = (now + delay + INTERVAL).isoformat()
        # If another worker has already sent this notice, do not record that one is on its way.
        self._update(about, lambda tally: tally if tally.told >= dead else replace(tally, due=due))

    def send(self, about: str) -> Verdict:
        """Handle an item that `count` put into [events]: send the notice."""
        tally, now = self._tally(about), self._now()
        if tally.dead <= tally.told:
            return Done()
        if wait := _time_until(tally.next, now):
            return Again(wait.total_seconds(), "a notice was sent within the hour")
        self._send(about, tally)
        after = self._update(about, lambda current: current.after_notice(tally, now))
        if after.dead > tally.dead:  # more items died in the meantime, and relied on this notice
            self._enqueue(about, after.dead, now, INTERVAL)
        return Done()

    def _send(self, about: str, tally: _Tally) -> None:
        count, destination = tally.dead - tally.told, self.fallback(about)
        keys = {"about": about, "count": count, "reason": tally.reason}
        if destination is None:
            log.error("no destination is left for a dead-letter notice", extra=keys)
            return
        event = Event(
            id=f"{UNDELIVERED}:{about}:{tally.dead}",
            kind=UNDELIVERED,
            received_at=self._now(),
            title=about,
            text=tally.reason,
            alarms=count,
            malicious=tally.malicious or None,
        )
        severity = Severity.MALICIOUS if tally.malicious else Severity.UNKNOWN
        body = items.encode(items.DeliverAlarm(destination, dump(Alarm(event, severity))))
        self._deliveries.put(body, id=f"{event.id}:{destination}", lane=destination)
        log.warning("dead-letter notice queued", extra={**keys, "destination": destination})

    def fallback(self, about: str) -> str | None:
        """The destination for notices about `about`; None if no other destination is left."""
        return next((name for name in self._fallbacks if name != about), None)

    def _tally(self, about: str) -> _Tally:
        record = self._store.get(kinds.NOTICE, "", about)
        return _Tally.of(record.body if record else None)

    def _update(self, about: str, change: Callable[[_Tally], _Tally]) -> _Tally:
        def update(body: Body | None) -> tuple[Body, _Tally]:
            tally = change(_Tally.of(body))
            return (body or {}) | asdict(tally), tally

        return self._store.update(kinds.NOTICE, "", about, update)


@dataclass(frozen=True)
class _Tally:
    """What is stored about the dead items of one destination or queue. Times are in ISO 8601."""

    dead: int = 0  # items that were counted
    told: int = 0  # how many of these were in a notice
    malicious: int = 0  # malicious alarms among those that were in no notice yet
    reason: str = ""  # why the last one died
    next: str | None = None  # no further notice is sent before this time
    due: str | None = None  # a notice is on its way; if it was not sent by this time, it counts as lost
    alone: int = 0  # malicious alarms that had a notice of their own
    alone_until: str | None = None  # when `alone` begins again at 0

    @classmethod
    def of(cls, body: Body | None) -> Self:
        return cls(
            **{name: value for name, value in (body or {}).items() if name in cls.__dataclass_fields__}
        )

    def own_notices(self, now: datetime) -> int:
        return self.alone if _time_until(self.alone_until, now) else 0

    def with_own_notice(self, now: datetime) -> Self:
        if before := self.own_notices(now):
            return replace(self, alone=before + 1)
        return replace(self, alone=1, alone_until=(now + INTERVAL).isoformat())

    def with_dead_item(self, reason: str, malicious: bool) -> Self:
        return replace(self, dead=self.dead + 1, reason=reason, malicious=self.malicious + malicious)

    def after_notice(self, sent: Self, now: datetime) -> Self:
        """`sent`: the tally that the notice reported."""
        next = (now + INTERVAL).isoformat()
        return replace(self, told=sent.dead, malicious=self.malicious - sent.malicious, next=next, due=None)


def _about(queue: str, item: Item) -> str:
    """What a dead item is counted for: its destination if it is a delivery, else its queue. Empty for a
    notice. Otherwise two destinations that are both gone would cause notices about each other's notices for
    ever."""
    if queue != DELIVERIES:
        return f"{QUEUE}{queue}"
    match _content(item):
        case items.DeliverAlarm(alarm={"event": {"kind": kind}}) if kind == UNDELIVERED:
            return ""
        case items.ForDestination(destination):
            return destination
    return f"{QUEUE}{DELIVERIES}"


def _alarm_of(item: Item) -> Alarm | None:
    """The subject of an item that is an alarm or an event raised by huntbridge."""
    try:
        match _content(item):
            case items.DeliverAlarm(alarm=alarm):
                return load(Alarm, alarm)
            case items.OwnEvent(event):
                return alarm_of_event(load(Event, event))
    except ValueError:  # another version wrote it
        pass
    return None


def _content(item: Item) -> items.Content | None:
    try:
        return items.decode(item.body)
    except ValueError:
        return None


def alarm_of_event(event: Event) -> Alarm:
    """The alarm with only what the event itself says."""
    malicious = event.malicious or event.named_malicious
    return Alarm(event, Severity.MALICIOUS if malicious else Severity.UNKNOWN)


def _time_until(moment: str | None, now: datetime) -> timedelta | None:
    """The time until a moment. None if the moment is past, or more than 2 × INTERVAL ahead. Nothing here is
    stored that far ahead, so the clock was set back."""
    left = datetime.fromisoformat(moment) - now if moment else timedelta()
    return left if timedelta() < left <= 2 * INTERVAL else None
