"""Delivers one alarm to one destination: group → turn → claim → compose → send → record.

groups.py finds the message that tells of the alarm, and waits for other alarms of its system. turn.py waits
for the turn and claims the alarm's case; send.py sends and record.py records the result. If an alarm's turn
is too far away, or a route holds the alarm, it goes into a digest (digest.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.cases.lifecycle import CaseLifecycle
from receiver.deliveries.claim import wait_for_other_worker
from receiver.deliveries.digest import DIGEST_AFTER, Collector, is_held, may_go_into_digest
from receiver.deliveries.groups import Due, Groups
from receiver.deliveries.send import Sender
from receiver.deliveries.turn import TooFarAway, Turn, Turns
from receiver.messages.message import Message
from shared.models.alarms import Alarm
from shared.models.deliveries import DeliveryState
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.models.holds import Hold
from shared.models.severity import Severity
from shared.queues.ports import Again, Done, Item, Verdict
from shared.storage.backups import Restored
from shared.storage.ledger.deliveries import Deliveries
from shared.storage.ledger.events import Events


@dataclass(eq=False, repr=False)
class AlarmDelivery:
    """Delivers one alarm to one destination."""

    events: Events
    deliveries: Deliveries
    cases: CaseLifecycle
    groups: Groups
    turns: Turns
    sender: Sender
    collector: Collector
    now: Callable[[], datetime]
    restored: Restored | None = None

    def deliver(self, item: Item, destination: str, alarm: Alarm, hold: Hold | None = None) -> Verdict:
        """`hold`: why a route does not tell the alarm at once; None if it does."""
        delivery = self.deliveries.get(alarm.event.id, destination)
        if delivery.state is DeliveryState.DELIVERED or self._is_superfluous(alarm):
            self.groups.record(delivery)
            return Done()
        if wait := wait_for_other_worker(delivery, self.now()):
            return wait
        if delivery.state is DeliveryState.IN_DIGEST and (verdict := self.collector.add(delivery, alarm)):
            return verdict
        if hold and is_held(hold, delivery, self.now()):
            return self.collector.hold(delivery, alarm, hold)
        due = self.groups.message_of(delivery, alarm)
        return self._send(item, due) if isinstance(due, Due) else due

    def _send(self, item: Item, due: Due) -> Verdict:
        delivery, alarm, destination = due.delivery, due.alarm, due.delivery.destination
        turn = self.turns.of_alarm(
            item,
            destination,
            alarm.case_key,
            urgent=alarm.severity is Severity.MALICIOUS,
            longest_wait=DIGEST_AFTER if may_go_into_digest(alarm, delivery) else None,
            gathered=due.gathered,
        )
        match turn:
            case Again():
                return turn
            case TooFarAway():
                verdict = self.collector.collect(delivery, due.first)
                return verdict if due.is_own else Again(0.0, "its group went into a digest", expected=True)
            case Turn(claim=claim):

                def compose(in_doubt: bool) -> Message:
                    known = self._as_known_at(destination, alarm)
                    return self.cases.message(known, destination, maybe_repeat=in_doubt, opens=claim.opens)

                event = alarm.event
                told = self.restored is not None and self.restored.may_have_been_told(event)
                may_repeat = bool(delivery.told_by) or (told and not alarm.sent_again)
                verdict = self.sender.send(
                    item, delivery, turn, compose, event.received_at, may_repeat=may_repeat
                )
                if isinstance(verdict, Done):
                    self.groups.record(delivery)
                return verdict

    def _as_known_at(self, destination: str, alarm: Alarm) -> Alarm:
        """The alarm as an update of the newest earlier message that this destination was sent. Earlier
        messages that a route still holds are passed over, and their digest says that they were told."""
        earlier = alarm.earlier
        while earlier and (held := self.deliveries.get(earlier.event_id, destination)).held:
            if not self.collector.note_told(held, alarm.event.id):
                break  # the digest is on its way
            before = self.events.whole_alarm(earlier.event_id)
            earlier = before.earlier if before else None
        return replace(alarm, earlier=earlier)

    def _is_superfluous(self, alarm: Alarm) -> bool:
        """Whether this is a reminder of a case that somebody has taken or closed since."""
        return alarm.event.kind == UNACKNOWLEDGED and self.cases.is_in_hand(alarm.case_key)
