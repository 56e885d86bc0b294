"""The record of deliveries: how far each message to each destination has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.models.codec import dump, load
from shared.models.deliveries import UNSENT, Delivery, DeliveryState
from shared.storage import kinds
from shared.storage.ledger import documents
from shared.storage.ports import Body, Store


class Deliveries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def get(self, event_id: str, destination: str) -> Delivery:
        """The recorded delivery, or a pending one if none is recorded."""
        recorded = documents.read(self._store, Delivery, kinds.DELIVERY, event_id, destination)
        return recorded or Delivery(event_id, destination)

    def of_event(self, event_id: str) -> list[Delivery]:
        return documents.read_all(self._store, Delivery, kinds.DELIVERY, event_id)

    def of_events(self, event_ids: Iterable[str], destination: str) -> dict[str, Delivery]:
        """By event id, the recorded deliveries to one destination, read together."""
        keys = {id: (kinds.DELIVERY, id, destination) for id in event_ids}
        read = self._store.read_many(list(keys.values())) if keys else {}
        return {id: load(Delivery, read[key].body) for id, key in keys.items() if key in read}

    def save(self, delivery: Delivery) -> None:
        """Record a delivery, whatever is recorded of it so far."""
        now = self._now()
        delivery = replace(delivery, first_at=delivery.first_at or now, last_at=now)
        self._store.put(kinds.DELIVERY, delivery.event_id, delivery.destination, dump(delivery))

    def discard(self, event_id: str, destination: str, note: str) -> None:
        """Record that a dead delivery is not needed any more. Does nothing if it is not dead."""

        def discard(body: Body | None) -> tuple[Body | None, None]:
            recorded = load(Delivery, body) if body else None
            if recorded is None or recorded.state is not DeliveryState.DEAD:
                return None, None
            after = replace(recorded, state=DeliveryState.DISCARDED, note=note, last_at=self._now())
            return dump(after), None

        self._store.update(kinds.DELIVERY, event_id, destination, discard)

    def give_up(self, event_id: str, destination: str, reason: str) -> None:
        """Record that the item of a delivery is dead, unless the delivery has ended or its alarm is told in
        another message."""
        now = self._now()

        def end(body: Body | None) -> tuple[Body | None, None]:
            recorded = load(Delivery, body) if body else Delivery(event_id, destination)
            if recorded.state not in UNSENT:
                return None, None
            after = replace(
                recorded,
                state=DeliveryState.DEAD,
                reason=reason,
                in_doubt=recorded.may_have_arrived,
                first_at=recorded.first_at or now,
                last_at=now,
            )
            return dump(after), None

        self._store.update(kinds.DELIVERY, event_id, destination, end)

    def start(self, before: Delivery, **fields: Any) -> Delivery | None:
        """Record that a delivery is being sent. Returns None if the recorded delivery is no longer the same
        as `before`."""
        now = self._now()
        started = replace(before, **fields, first_at=before.first_at or now, last_at=now)
        place = (kinds.DELIVERY, before.event_id, before.destination)
        # Most deliveries were not recorded before. Then there is nothing to read.
        is_new = before == Delivery(before.event_id, before.destination)
        if is_new and self._store.put(*place, dump(started), expect=0):
            return started

        def start(body: Body | None) -> tuple[Body | None, Delivery | None]:
            current = load(Delivery, body) if body else Delivery(before.event_id, before.destination)
            return (dump(started), started) if current == before else (None, None)

        return self._store.update(*place, start)

    def join(
        self, first: str, destination: str, event_id: str, until: datetime, most: int
    ) -> Delivery | None:
        """Add an event to those that the message of the event `first` tells of, if that is not sent yet and
        has room. `until`: the message waits no longer than this. Returns the delivery of the message."""

        def join(body: Body | None) -> tuple[Body | None, Delivery | None]:
            message = load(Delivery, body) if body else None
            if message is None or event_id in message.covers:
                return None, message
            if message.state is not DeliveryState.GATHERING or len(message.covers) + 1 >= most:
                return None, None
            ends = min(message.until or until, until)
            after = replace(message, covers=(*message.covers, event_id), until=ends)
            return dump(after), after

        return self._store.update(kinds.DELIVERY, first, destination, join)

    def end(self, started: Delivery, **fields: Any) -> None:
        """Record how the attempt that `start` began has ended.

        If a later attempt has begun since, only a successful end is recorded, because the later attempt began
        in doubt and records its own end.
        """
        place = (kinds.DELIVERY, started.event_id, started.destination)
        ended = replace(started, **fields, last_at=self._now())
        # This need not be durable: if a power cut undoes it, the delivery is in doubt again, as if the worker
        # had crashed before this write.
        if ended.state is DeliveryState.DELIVERED:
            self._store.put(*place, dump(ended), durable=False)
            return

        def end(body: Body | None) -> tuple[Body | None, None]:
            is_ours = body is None or load(Delivery, body) == started
            return (dump(ended) if is_ours else None), None

        self._store.update(*place, end, durable=False)
