"""Shows a text to one person alone, such as the answer to a click: at once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.deliveries.claim import wait_for_other_worker
from receiver.deliveries.record import best_effort
from receiver.deliveries.send import in_time
from receiver.destinations.contract import Delivered, Destination, Recipient, SendsEphemeral
from shared.models.deliveries import DeliveryState
from shared.queues import items
from shared.queues.ports import Again, Done, Item, Verdict
from shared.storage.ledger.deliveries import Deliveries


@dataclass(eq=False, repr=False)
class EphemeralDelivery:
    """Delivers an answer that only one person sees."""

    deliveries: Deliveries
    destinations: Mapping[str, Destination]
    now: Callable[[], datetime]

    def deliver(self, item: Item, content: items.Ephemeral) -> Verdict:
        name, destination = content.destination, self.destinations[content.destination]
        delivery = self.deliveries.get(item.id, name)
        if not isinstance(destination, SendsEphemeral) or delivery.state is DeliveryState.DELIVERED:
            return Done()
        if wait := wait_for_other_worker(delivery, self.now()):
            return wait
        sending = self.deliveries.start(delivery, state=DeliveryState.SENDING, attempts=delivery.attempts + 1)
        if sending is None:
            return Again(1.0, f"another worker sends it to {name}", expected=True)
        to = Recipient(content.channel, content.user)
        outcome = in_time(lambda: destination.send_ephemeral(to, content.text, content.links))
        arrived = isinstance(outcome, Delivered)
        self.deliveries.end(sending, state=DeliveryState.DELIVERED if arrived else DeliveryState.PENDING)
        return best_effort(item, outcome, f"an answer to one person at {name}", self.now())
