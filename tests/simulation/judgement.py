"""What must hold when a schedule is over and everything has come to its end.

The checks of `tests/receiver/sequences` hold for each message by itself. Here a message may also be told in a
digest, or be refused by its destination and told in a notice.
"""

from __future__ import annotations

from dataclasses import replace

from receiver.messages.compose import compose
from receiver.messages.digest import DIGEST
from receiver.messages.message import Message
from shared.models.deliveries import DeliveryState
from shared.models.event_kinds import UNDELIVERED
from shared.queues.ports import QUEUES
from tests.receiver.sequences.checks import Checks, is_telling
from tests.receiver.sequences.oracle import Event, Oracle
from tests.simulation.world import SimulatedWorld


class Judgement(Checks):
    def __init__(self, world: SimulatedWorld, oracle: Oracle) -> None:
        super().__init__(world, oracle)
        self.simulated = world
        self.accepted: set[str] = set()  # events whose webhooks were answered with 202

    def all(self) -> None:
        self.what_was_accepted_is_there()
        self.what_people_saw()
        super().all()
        self.every_disk_was_told()
        self.nothing_waits()
        self.what_is_dead_was_told()

    def what_was_accepted_is_there(self) -> None:
        """An event that was never accepted, since its process died, need not be there."""
        events = self.world.runtime.queries.events
        for id in list(self.oracle.events):
            if events.get(id) is None:
                assert id not in self.accepted, f"{id} was accepted and is lost"
                del self.oracle.events[id]

    def what_people_saw(self) -> None:
        """Each message as people understood it: a digest tells of each of its alarms. What became a dead item
        counts as told, since people have a notice of it and can send it again."""
        runtime = self.world.runtime
        in_digests: dict[tuple[str, str], list[Message]] = {}
        self.dead: dict[tuple[str, str], Message] = {}  # by event and destination
        for id in self.oracle.events:
            detail = runtime.queries.events.get(id)
            for delivery in runtime.ledger.deliveries.of_event(id):
                if detail is None or detail.alarm is None:
                    continue
                if delivery.state is DeliveryState.DEAD:
                    self.dead[id, delivery.destination] = compose(detail.alarm, runtime.config)
                elif delivery.note == "in a digest":
                    told = compose(detail.alarm, runtime.config)
                    in_digests.setdefault((delivery.destination, delivery.ref), []).append(told)
        for name, place in self.simulated.places.items():
            place.seen = []
            for tick, message in place.arrived:
                if message.kind == DIGEST:
                    place.seen += [
                        (tick, self.as_digest_tells(each, message, name))
                        for each in in_digests.get((name, message.id), ())
                    ]
                else:
                    place.seen.append((tick, message))

    def as_digest_tells(self, alarm: Message, digest: Message, name: str) -> Message:
        """The alarm, marked if the digest says of it that it may be a repeat, or that it was told since."""
        by = self.world.runtime.ledger.deliveries.get(alarm.id, name).told_by
        told_since = bool(by) and any(
            "told since, with event" in line.text and by in line.text for line in digest.lines
        )
        return replace(alarm, maybe_repeat=alarm.maybe_repeat or digest.maybe_repeat or told_since)

    def note_what_was_told(self) -> None:
        super().note_what_was_told()
        for message in self.dead.values():
            self.oracle.told.setdefault((message.case_key, message.id), []).append(message)

    def messages(self, id: str) -> list[Message]:
        return super().messages(id) + [message for message in self.dead.values() if message.id == id]

    def was_judged_before(self, one: Message, other: Message) -> bool:
        """Here events are judged at the same time, so one must be done before the other came."""
        events = self.oracle.events
        return one.id in events and other.id in events and events[one.id].end < events[other.id].start

    def no_item_is_lost(self, event: Event) -> None:
        detail = self.world.runtime.queries.events.get(event.id)
        assert detail, f"{event.id} was lost"
        for name in detail.row.to:
            arrived = any(
                message.id == event.id and is_telling(message) for _, message in self.world.tools[name].seen
            )
            assert arrived or (event.id, name) in self.dead or self.is_gone(event, name), (
                f"{event.id} did not arrive at {name}"
            )

    def is_gone(self, event: Event, name: str) -> bool:
        """Whether the destination was taken out of the configuration before the message was sent."""
        return any(
            f"no destination '{name}'" in dead.reason and event.id in dead.id
            for dead in self.world.runtime.deliveries.dead_items()
        )

    def every_disk_was_told(self) -> None:
        """Also those whose webhooks never came."""
        told = {event.disk.evidence for event in self.oracle.events.values()}
        for disk in self.world.platform.disks.values():
            assert disk.evidence in told, f"nobody was told of the disk {disk.evidence} of {disk.system}"

    def every_case_has_an_end(self) -> None:
        reasons = list(self.world.dead())
        known = ("403", "no destination 'extra'", "given up after", "the hunt cannot be started")
        unknown = [reason for reason in reasons if not any(each in reason for each in known)]
        assert not unknown, unknown
        dead, self.simulated.dead = self.simulated.dead, lambda: iter(())  # type: ignore[method-assign]
        try:
            super().every_case_has_an_end()
        finally:
            self.simulated.dead = dead  # type: ignore[method-assign]

    def nothing_waits(self) -> None:
        waiting = list(self.simulated._waiting())
        assert not waiting, f"this waits: {waiting}"
        for id in self.oracle.events:
            for delivery in self.world.runtime.ledger.deliveries.of_event(id):
                ended = (DeliveryState.DELIVERED, DeliveryState.DEAD)
                assert delivery.state in ended, (
                    f"{id} for {delivery.destination} is {delivery.state} for ever"
                )

    def what_is_dead_was_told(self) -> None:
        """No item is dead without a notice about its destination or its queue. A notice whose own destination
        takes nothing for a day becomes a dead item without a further notice."""
        dead = [each for name in QUEUES for each in getattr(self.world.runtime, name).dead_items()]
        told = [
            message
            for place in self.simulated.places.values()
            for _, message in [*place.arrived, *place.refused]
            if message.kind == UNDELIVERED
        ]
        told_of = bool(told) or any(each.id.startswith(UNDELIVERED) for each in dead)
        for each in dead:
            assert told_of, f"{each.id} is dead without a notice: {each.reason}"
