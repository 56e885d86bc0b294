"""Makes one message of the alarms of one system that come close together, for a destination where nothing can
be added to a message.

The first alarm waits for others, and its delivery is that of the message. Each further alarm is added to that
delivery by one conditional write, until the message is being sent. Every alarm keeps its own item until its
message was delivered. So whatever is lost of a group, each alarm is still told. Any of the items may send the
message when the group ends: a malicious alarm that comes later does not wait for the item of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.cases.group_rules import MOST_IN_GROUP, end_of_group, may_join, may_share
from receiver.deliveries.claim import wait_for_other_worker
from receiver.destinations.contract import Destination
from receiver.messages.together import together
from shared.config.delivery import DeliveryConfig
from shared.models.alarms import Alarm
from shared.models.deliveries import Delivery, DeliveryState
from shared.queues.ports import Again, Done, Verdict
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Body, Store

_CHANGED = Again(0.5, "the group of its system has just changed", expected=True)


@dataclass(frozen=True)
class Due:
    """A message that may be sent now."""

    delivery: Delivery  # of the message; the alarm's own, or that of the first alarm of its group
    alarm: Alarm  # what the message says
    first: Alarm  # the alarm that the delivery is named after
    is_own: bool  # `first` is the alarm of the item
    gathered: bool  # the item waited for more alarms


@dataclass(eq=False, repr=False)
class Groups:
    """Which message tells of an alarm."""

    ledger: Ledger
    store: Store
    destinations: Mapping[str, Destination]
    config: DeliveryConfig
    now: Callable[[], datetime]

    def message_of(self, own: Delivery, alarm: Alarm) -> Due | Verdict:
        """The message that tells of the alarm, if it may be sent now. `own` is the alarm's delivery, which is
        not delivered yet."""
        message = self._delivery_of_message(own, alarm)
        if isinstance(message, Again):
            return message
        if message.state is DeliveryState.DELIVERED:
            self.record(message)
            return Done()
        if wait := wait_for_other_worker(message, self.now()):
            return wait
        waits = (message.until - self.now()).total_seconds() if message.until else 0.0
        if message.state is DeliveryState.GATHERING and waits > 0:
            return Again(
                min(waits, self.config.group_wait), "more alarms of its system may come", expected=True
            )
        alarms = self._alarms(message, alarm)
        if alarms[0] is None:
            return Again(10.0, "only the item of the first alarm knows that alarm", expected=True)
        known = [each for each in alarms if each]
        if len(known) < len(alarms):
            raise LookupError(f"an alarm of the group of {message.event_id} is not in the ledger")
        gathered = message.until is not None and message.until > (own.first_at or message.until)
        is_own = message.event_id == own.event_id
        return Due(message, together(known), known[0], is_own, gathered)

    def record(self, message: Delivery) -> None:
        """Record that the other alarms of a message were delivered with it."""
        for event_id in message.covers:
            delivery = self.ledger.deliveries.get(event_id, message.destination)
            if delivery.state is DeliveryState.IN_GROUP and delivery.told_by == message.event_id:
                self.ledger.deliveries.save(replace(delivery, state=DeliveryState.DELIVERED))

    def _delivery_of_message(self, own: Delivery, alarm: Alarm) -> Delivery | Again:
        if own.state is DeliveryState.IN_GROUP:
            joined = self._join(own.told_by, own, alarm)
            if joined is None:  # the message was sent without it
                return self._leave(own)
            return joined
        if own.state is DeliveryState.GATHERING:
            return self._lead(own, alarm)
        is_new = own.state is DeliveryState.PENDING and own.first_at is None
        if is_new and self.destinations[own.destination].traits.gathers:
            return self._begin(own, alarm)
        return own

    def _begin(self, own: Delivery, alarm: Alarm) -> Delivery | Again:
        """Join the group of the alarm's case, or begin one."""
        first = self._open_group(own.destination, alarm.case_key)
        if first and may_join(alarm, (first.event_id, *first.covers), self.config) and self._is_kept(alarm):
            return self._assign(own, first.event_id, alarm)
        until = end_of_group(alarm, self.config)
        if until <= self.now() or not may_share(alarm, self.config) or not self._is_kept(alarm):
            return own
        started = self.ledger.deliveries.start(own, state=DeliveryState.GATHERING, until=until)
        return self._lead(started, alarm) if started else _CHANGED

    def _lead(self, own: Delivery, alarm: Alarm) -> Delivery | Again:
        """Have other alarms find the group that this alarm begins. If another worker has begun one, join
        that."""

        def change(body: Body | None) -> tuple[Body | None, str]:
            first = str(body["first"]) if body else ""
            if first and first != own.event_id and self._has_room(first, own.destination):
                return None, first
            return ({"first": own.event_id} if first != own.event_id else None), own.event_id

        first = self.store.update(kinds.GROUP_NOW, own.destination, alarm.case_key, change, durable=False)
        return own if first == own.event_id or own.covers else self._assign(own, first, alarm)

    def _assign(self, own: Delivery, first: str, alarm: Alarm) -> Delivery | Again:
        """Name the message in the alarm's delivery before the alarm is added to the message: a worker that
        takes over after a crash adds it to the same one."""
        assigned = self.ledger.deliveries.start(own, state=DeliveryState.IN_GROUP, told_by=first, until=None)
        if assigned is None:
            return _CHANGED
        return self._join(first, assigned, alarm) or self._leave(assigned)

    def _join(self, first: str, own: Delivery, alarm: Alarm) -> Delivery | None:
        until = end_of_group(alarm, self.config)
        return self.ledger.deliveries.join(first, own.destination, own.event_id, until, MOST_IN_GROUP)

    def _leave(self, own: Delivery) -> Delivery | Again:
        """Have the alarm told by its own message."""
        alone = self.ledger.deliveries.start(own, state=DeliveryState.PENDING, told_by="")
        return alone or _CHANGED

    def _open_group(self, destination: str, case_key: str) -> Delivery | None:
        """The delivery of the message that alarms of the case can still be added to."""
        record = self.store.get(kinds.GROUP_NOW, destination, case_key)
        first = str(record.body["first"]) if record else ""
        return self._has_room(first, destination) if first else None

    def _has_room(self, first: str, destination: str) -> Delivery | None:
        message = self.ledger.deliveries.get(first, destination)
        is_open = message.state is DeliveryState.GATHERING and len(message.covers) + 1 < MOST_IN_GROUP
        return message if is_open else None

    def _is_kept(self, alarm: Alarm) -> bool:
        """Whether other items can read the alarm. An alarm that is too large for the ledger is not kept."""
        return self.ledger.events.whole_alarm(alarm.event.id) is not None

    def _alarms(self, message: Delivery, own: Alarm) -> list[Alarm | None]:
        """The alarms that the message tells of, the first one first. None: the ledger does not have it."""
        ids = (message.event_id, *message.covers)
        return [own if id == own.event.id else self.ledger.events.whole_alarm(id) for id in ids]
