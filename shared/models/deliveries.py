"""A delivery: one message to one destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.models.holds import Hold


class DeliveryState(StrEnum):
    PENDING = "pending"  # not sent yet, or to be sent again
    SENDING = "sending"  # a worker sends it, or died while it did
    UNSURE = "unsure"  # to be sent again, though an attempt may have arrived
    IN_DIGEST = "in digest"  # it is part of the digest that `ref` names
    GATHERING = "gathering"  # it waits for more alarms of its system, until `until`
    IN_GROUP = "in group"  # the message of the event `told_by` tells of it
    DELIVERED = "delivered"
    DEAD = "dead"
    DISCARDED = "discarded"  # it was dead, and somebody decided that it is not needed


# Its own message is still to be sent.
UNSENT = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNSURE, DeliveryState.GATHERING)

# It has ended, and no attempt is known to have arrived.
ENDED_UNTOLD = (DeliveryState.DEAD, DeliveryState.DISCARDED)


@dataclass(frozen=True)
class Delivery:
    """One message to one destination, and its result so far."""

    event_id: str
    destination: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    ref: str = ""  # a Jira key, for example
    reason: str = ""
    note: str = ""  # delivered, but not as composed: a field that Jira refused, for example
    in_doubt: bool = False  # an attempt may have arrived, and no later one is known to have arrived
    first_at: datetime | None = None
    last_at: datetime | None = None
    hold: Hold | None = None  # why its digest is not told at once; None: it is told as soon as possible
    # Of a message that tells of several alarms of one system: the ids of the other events, and until when it
    # waits for more of them. Earlier versions did not store these.
    covers: tuple[str, ...] = ()
    until: datetime | None = None
    # The event whose message tells of this one; empty: its own message. Of a held alarm, that is an update of
    # it which people were told in full before its digest.
    told_by: str = ""

    @property
    def may_have_arrived(self) -> bool:
        """Whether people may have seen the message."""
        sent = (DeliveryState.SENDING, DeliveryState.UNSURE, DeliveryState.DELIVERED)
        return self.in_doubt or self.state in sent

    @property
    def held(self) -> bool:
        """Whether its digest waits for the hours of a route, or for the end of a hunt."""
        return self.state is DeliveryState.IN_DIGEST and self.hold is not None
