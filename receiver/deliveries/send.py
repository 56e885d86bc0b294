"""Sends one message, in this order: mark the delivery as SENDING → send → release the case → record.

In this order no crash loses a message. After a crash between the mark and the record nobody knows whether the
message arrived. So the message of the next attempt says that it may be a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from receiver.deliveries.record import Attempt, Recorder
from receiver.deliveries.turn import Turn
from receiver.destinations.contract import Destination, Outcome, Retry
from receiver.messages.message import Message
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.metrics.definitions import TIMEOUT
from shared.models.deliveries import Delivery, DeliveryState
from shared.queues import leases
from shared.queues.ports import Again, Item, Verdict
from shared.storage.ledger.deliveries import Deliveries


class Sender:
    def __init__(
        self, deliveries: Deliveries, destinations: Mapping[str, Destination], recorder: Recorder
    ) -> None:
        self._deliveries, self._destinations, self._recorder = deliveries, destinations, recorder

    def send(
        self,
        item: Item,
        delivery: Delivery,
        turn: Turn,
        compose: Callable[[bool], Message],
        received_at: datetime | None = None,
        *,
        may_repeat: bool = False,
    ) -> Verdict:
        """Send the message and record the outcome. `compose` makes the message; its argument says whether an
        earlier attempt may have arrived. `received_at`: when the message's event came in; None for the
        message of several events. `may_repeat`: the ledger may lack an attempt that arrived."""
        name, claim = delivery.destination, turn.claim
        if not _enough_time():
            claim.release()
            return Again(1.0, f"too little time was left to send it to {name}")
        # The state is SENDING if a worker died. The message then counts as a possible repeat until it is
        # delivered.
        in_doubt = may_repeat or delivery.in_doubt or delivery.state is DeliveryState.SENDING
        message = compose(in_doubt)
        sending = self._deliveries.start(
            delivery,
            state=DeliveryState.SENDING,
            ref="",
            attempts=delivery.attempts + 1,
            in_doubt=in_doubt,
        )
        if sending is None:
            claim.release()
            return Again(1.0, f"another worker sends it to {name}", expected=True)
        try:
            outcome = in_time(lambda: self._destinations[name].deliver(message, claim.ref))
        except Exception:  # a fault of huntbridge itself; it may have come after the message was sent
            claim.release(Retry("it failed", ambiguous=True))
            self._deliveries.end(sending, state=DeliveryState.UNSURE, in_doubt=True)
            raise
        claim.release(outcome)
        return self._recorder.record(Attempt(item, delivery, sending, turn, received_at), outcome)


def in_time(send: Callable[[], Outcome]) -> Outcome:
    """Send within the time of the item's lease, less the time that the ledger needs afterwards."""
    left = remaining(leases.budget(leases.DELIVERY))
    try:
        with within(left - leases.RECORDING):
            return send()
    except DeadlineExceeded:  # of several requests, an earlier one may have arrived
        return Retry("it took longer than a delivery may", ambiguous=True, error_type=TIMEOUT)


def _enough_time() -> bool:
    return remaining(leases.budget(leases.DELIVERY)) >= leases.RECORDING + leases.SHORTEST_SEND
