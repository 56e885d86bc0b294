"""Nothing ends in silence: what is kept aside as dead is told on another destination.

A death goes in with its reason; an event of kind `undelivered` comes out. A malicious alarm has one of its
own, at once, up to SINGLY in an hour for each destination. All else is counted, and told once an hour at
most. The dead items themselves are the queues' business.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.event_kinds import UNDELIVERED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import ABANDONED, DELIVERIES, Again, Done, Item, Queue, Verdict
from shared.storage import kinds
from shared.storage.ports import Body

log = logging.getLogger(__name__)

APART = timedelta(hours=1)  # between two notices about the same destination
SINGLY = 10  # malicious alarms that are told by themselves within that time
_LONGEST_REASON = 1_000  # characters
QUEUE = "the queue "  # what a notice is about, where it is not a destination


class Notices:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def look(self) -> None:
        """Count what a queue has put aside itself. Safe to run at any time and more than once. Raises
        SomeFailed after the other queues were looked at."""
        runtime = self._runtime
        queues = (runtime.captures, runtime.events, runtime.deliveries)
        attempt_each(queues, self._look_at, lambda queue: f"the queue {queue.name}")

    def _look_at(self, queue: Queue) -> None:
        ledger, now = self._runtime.ledger, self._runtime.now()
        dead, seen = queue.depth().dead, ledger.notes.get(kinds.DEAD_ITEM_NOTES, queue.name)
        if not dead or (dead == seen.get("dead") and _ahead(seen["again"], now)):
            return
        queue.adopt(partial(self.count, queue.name, reason=ABANDONED))
        again = (now + APART).isoformat()  # as many as before may be others
        ledger.notes.save(kinds.DEAD_ITEM_NOTES, queue.name, {"dead": dead, "again": again})

    def count(self, queue: str, item: Item, reason: str, alarm: Alarm | None = None) -> None:
        """One more item of this queue is dead. `alarm` is what it was about, where the item does not say."""
        about, reason = _about(queue, item), reason[:_LONGEST_REASON]
        if not about:
            return
        alarm = _alarm_of(item) or alarm
        malicious = alarm is not None and alarm.severity is Severity.MALICIOUS
        if not (alarm and malicious and self._tell_alone(about, item, alarm, reason)):
            self._count(about, reason, malicious)

    def _tell_alone(self, about: str, item: Item, alarm: Alarm, reason: str) -> bool:
        """False where it must be told with others: there were too many, or there is nobody to be told."""
        fallback, now = self.fallback(about), self._runtime.now()
        record = self._runtime.store.get(kinds.NOTICE, "", about)
        found = record.body if record else {}
        alone = found.get("alone", 0) if _ahead(found.get("alone_until"), now) else 0
        if fallback is None or alone >= SINGLY:
            return False
        # By when the item came in: a second death of what was tried again is told again.
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
        told = replace(alarm, event=event, case=id, findings=(), findings_total=0, gaps=())
        told = replace(told, earlier=None, change=None)
        self._runtime.deliveries.put(items.delivery(fallback, dump(told)), id=f"{id}:{fallback}", urgent=True)

        def count(body: Body | None) -> tuple[Body, None]:
            before = body or {}
            if _ahead(before.get("alone_until"), now):
                return before | {"alone": before["alone"] + 1}, None
            return before | {"alone": 1, "alone_until": (now + APART).isoformat()}, None

        self._runtime.store.update(kinds.NOTICE, "", about, count)
        return True

    def _count(self, about: str, reason: str, malicious: bool) -> None:
        now = self._runtime.now()

        def count(body: Body | None) -> tuple[Body, Body]:
            before = body or {}
            after = before | {"dead": before.get("dead", 0) + 1, "reason": reason}
            after["malicious"] = before.get("malicious", 0) + malicious
            return after, after

        counted = self._runtime.store.update(kinds.NOTICE, "", about, count)
        if not _ahead(counted.get("due"), now):  # else a notice is on its way and will count this item too
            wait = _ahead(counted.get("next"), now) or timedelta()
            self._announce(about, counted["dead"], now, wait)

    def _announce(self, about: str, dead: int, now: datetime, wait: timedelta) -> None:
        """Have a notice sent after `wait`, and record that it is on its way."""
        # Enqueue before recording: a duplicate is ignored, a missing notice would be lost.
        self._put(about, dead, wait)

        def record(body: Body | None) -> tuple[Body | None, None]:
            before = body or {}
            if before.get("told", 0) >= dead:  # the notice was sent meanwhile
                return None, None
            return before | {"due": (now + wait + APART).isoformat()}, None

        self._runtime.store.update(kinds.NOTICE, "", about, record)

    def tell(self, about: str) -> Verdict:
        """Handles the item that `count` put into [events]."""
        record = self._runtime.store.get(kinds.NOTICE, "", about)
        found, now = record.body if record else {}, self._runtime.now()
        dead, told = found.get("dead", 0), found.get("told", 0)
        malicious = found.get("malicious", 0)
        if dead <= told:
            return Done()
        if wait := _ahead(found.get("next"), now):
            return Again(wait.total_seconds(), "a notice was sent within the hour")
        fallback = self.fallback(about)
        if fallback is None:
            log.error("%d for %s are dead, and no other destination is there to say so", dead - told, about)
        else:
            self._send(fallback, about, dead, dead - told, malicious, str(found["reason"]))

        def record_told(body: Body | None) -> tuple[Body, int]:
            before = body or {}
            after = before | {"told": dead, "next": (now + APART).isoformat(), "due": None}
            after["malicious"] = before.get("malicious", 0) - malicious
            return after, before["dead"]

        dead_now = self._runtime.store.update(kinds.NOTICE, "", about, record_told)
        if dead_now > dead:  # more items died meanwhile and relied on this notice
            self._announce(about, dead_now, now, APART)
        return Done()

    def fallback(self, about: str) -> str | None:
        """Where it is told that messages to `about` are dead."""
        config = self._runtime.config
        candidates = (config.delivery.fallback, *config.default, *config.destinations)
        return next((name for name in candidates if name and name != about), None)

    def _send(self, to: str, about: str, dead: int, count: int, malicious: int, reason: str) -> None:
        event = Event(
            id=f"{UNDELIVERED}:{about}:{dead}",
            kind=UNDELIVERED,
            received_at=self._runtime.now(),
            title=about,
            text=reason,
            alarms=count,
            malicious=malicious or None,
        )
        severity = Severity.MALICIOUS if malicious else Severity.UNKNOWN
        body = items.delivery(to, dump(Alarm(event, severity)))
        self._runtime.deliveries.put(body, id=f"{event.id}:{to}")
        log.warning("%d for %s are dead; told on %s", count, about, to)

    def _put(self, about: str, dead: int, delay: timedelta) -> None:
        id = f"notice:{about}:{dead}"
        self._runtime.events.put(
            items.encode(items.DeadLetterNotice(about)), id=id, delay=delay.total_seconds()
        )


def _about(queue: str, item: Item) -> str:
    """What a dead item is counted for: the destination of a delivery, else its queue. A notice is not: two
    destinations that are both gone would tell each other of it for ever."""
    if queue != DELIVERIES:
        return f"{QUEUE}{queue}"
    try:
        content: items.Content | None = items.decode(item.body)
    except ValueError:
        content = None
    match content:
        case items.DeliverAlarm(alarm={"event": {"kind": kind}}) if kind == UNDELIVERED:
            return ""
        case items.ForDestination():
            return content.destination
    return f"{QUEUE}{DELIVERIES}"


def _alarm_of(item: Item) -> Alarm | None:
    """The subject of an item that is an alarm or an event raised by huntbridge."""
    try:
        match items.decode(item.body):
            case items.DeliverAlarm(alarm=alarm):
                return load(Alarm, alarm)
            case items.OwnEvent(event):
                return alarm_of_event(load(Event, event))
    except ValueError:  # no item of huntbridge, or an item of another version
        pass
    return None


def alarm_of_event(event: Event) -> Alarm:
    """An event as far as it is known by itself."""
    malicious = event.malicious or event.named_malicious
    return Alarm(event, Severity.MALICIOUS if malicious else Severity.UNKNOWN)


def _ahead(moment: str | None, now: datetime) -> timedelta | None:
    """How far ahead a moment is; None where it is not, or further than it was ever set: then it was not the
    time that passed but the clock that was set back."""
    left = datetime.fromisoformat(moment) - now if moment else timedelta()
    return left if timedelta() < left <= 2 * APART else None
