"""Handles the items of [deliveries]: sends a message for each, or stores the reason why it was not sent.

This module passes an item on by its kind. alarm.py delivers an alarm and digest.py a digest. edit.py edits
the message about a case, and ephemeral.py answers one person. An item may be handled twice. A message that
was delivered is not sent again.
"""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass

from receiver.deliveries.alarm import AlarmDelivery
from receiver.deliveries.digest import DigestDelivery
from receiver.deliveries.edit import CaseEdits
from receiver.deliveries.ephemeral import EphemeralDelivery
from shared import log_context
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.holds import Hold
from shared.queues import items
from shared.queues.dead_letter_notices import DeadLetterNotices
from shared.queues.ports import DELIVERIES, Dead, Item, Verdict
from shared.queues.worker import attempt
from shared.storage.ledger.deliveries import Deliveries


@dataclass(eq=False, repr=False)
class DeliveryWorker:
    """Handles the items of [deliveries]."""

    destinations: Container[str]
    deliveries: Deliveries
    alarms: AlarmDelivery
    digests: DigestDelivery
    edits: CaseEdits
    ephemerals: EphemeralDelivery
    notices: DeadLetterNotices

    def handle(self, item: Item) -> Verdict:
        """Handles one item of [deliveries]."""
        verdict = attempt(self._handle, item)
        if isinstance(verdict, Dead):
            self._give_up(item, verdict.reason)
            self.notices.count(DELIVERIES, item, verdict.reason)
        return verdict

    def _give_up(self, item: Item, reason: str) -> None:
        """Record that the delivery of a dead item is dead, whatever ended it."""
        with suppress(ValueError):  # a body that is no item, or no alarm, has no delivery
            match items.decode(item.body):
                case items.DeliverAlarm(destination, alarm):
                    self.deliveries.give_up(load(Alarm, alarm).event.id, destination, reason)
                case items.DeliverDigest(destination, digest_id):
                    self.deliveries.give_up(digest_id, destination, reason)

    def _handle(self, item: Item) -> Verdict:
        content = items.decode(item.body)
        if not isinstance(content, items.ForDestination):
            raise ValueError(f"[deliveries] has no items of kind {content.kind}")
        if content.destination not in self.destinations:
            return Dead(f"there is no destination {content.destination!r} any more")
        log_context.add(destination=content.destination)
        match content:
            case items.DeliverAlarm():
                alarm = load(Alarm, content.alarm)
                log_context.add(event=alarm.event.id)
                hold = load(Hold, content.hold) if content.hold else None
                return self.alarms.deliver(item, content.destination, alarm, hold)
            case items.DeliverDigest():
                return self.digests.deliver(item, content.destination, content.digest_id)
            case items.RefreshCase():
                return self.edits.edit(item, content.destination, content.case_key)
            case items.Ephemeral():
                return self.ephemerals.deliver(item, content)
        raise ValueError(f"[deliveries] has no items of kind {content.kind}")
