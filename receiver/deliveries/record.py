"""Records the outcome of a message, and decides whether its item is finished, tried again or dead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.deliveries.claim import SEARCHABLE_AFTER
from receiver.deliveries.rate_limit import RateLimiter
from receiver.deliveries.turn import Turn
from receiver.destinations.contract import Delivered, Outcome, Rejected, Retry
from shared import log_context
from shared.metrics.definitions import (
    DELIVERED,
    DELIVERY_ATTEMPTS,
    DELIVERY_RETRIES,
    EVENT_TO_MESSAGE,
    GIVEN_UP,
    REJECTED,
    RETRIED,
)
from shared.models.deliveries import Delivery, DeliveryState
from shared.queues.heartbeats import Heartbeats
from shared.queues.ports import Again, Dead, Done, Item, Verdict
from shared.queues.worker import backoff
from shared.storage.last_delivered import LastDelivered
from shared.storage.ledger.deliveries import Deliveries

log = logging.getLogger(__name__)

# How long huntbridge tries to send a dispensable message: an answer to one person, or an edit that the next
# alarm makes as well.
_WORTH_TRYING = timedelta(minutes=15)


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver a message."""

    item: Item
    before: Delivery  # as it was before the attempt
    sending: Delivery  # as it was marked for the attempt
    turn: Turn
    received_at: datetime | None = None  # when the message's event came in; None for a digest

    @property
    def destination(self) -> str:
        return self.sending.destination

    @property
    def keys(self) -> dict[str, object]:
        """For log lines."""
        return {
            "event": self.sending.event_id,
            "destination": self.destination,
            "case": self.turn.claim.case_key,
            "attempt": self.sending.attempts,
        }


class Recorder:
    def __init__(
        self,
        deliveries: Deliveries,
        limiter: RateLimiter,
        heartbeats: Heartbeats,
        last_delivered: LastDelivered,
        retry_for: float,
        now: Callable[[], datetime],
    ) -> None:
        """`retry_for`: seconds after which a message is given up, counted from when its item was added."""
        self._deliveries, self._limiter, self._now = deliveries, limiter, now
        self._heartbeats, self._last_delivered = heartbeats, last_delivered
        self._retry_for = timedelta(seconds=retry_for)

    def record(self, attempt: Attempt, outcome: Outcome) -> Verdict:
        verdict = self._record(attempt, outcome)
        _measure(attempt, outcome, verdict, self._now())
        return verdict

    def _record(self, attempt: Attempt, outcome: Outcome) -> Verdict:
        match outcome:
            case Delivered():
                return self._delivered(attempt, outcome)
            case Retry(needs_exclusive=True):
                return self._again_exclusively(attempt, outcome)
            case Retry():
                return self._again(attempt, outcome)
            case Rejected(reason):
                return self._dead(attempt, reason, in_doubt=attempt.sending.in_doubt)

    def _delivered(self, attempt: Attempt, outcome: Delivered) -> Verdict:
        self._deliveries.end(
            attempt.sending,
            state=DeliveryState.DELIVERED,
            ref=outcome.ref,
            note=outcome.note,
            reason="",
            in_doubt=False,
        )
        self._heartbeats.delivered(attempt.destination)
        self._last_delivered.record(attempt.destination)
        log.info("delivered", extra=attempt.keys | {"ref": outcome.ref or None, "note": outcome.note or None})
        return Done()

    def _again_exclusively(self, attempt: Attempt, outcome: Retry) -> Verdict:
        """Retry with the case claimed exclusively, because the case must be opened anew. Nothing was sent, so
        this does not count as an attempt."""
        attempt.turn.claim.require_exclusive()
        in_doubt = attempt.sending.in_doubt
        self._deliveries.end(
            attempt.sending,
            state=_state(in_doubt),
            attempts=attempt.before.attempts,
            in_doubt=in_doubt,
        )
        return Again(0.0, outcome.reason, expected=True)

    def _again(self, attempt: Attempt, outcome: Retry) -> Verdict:
        if outcome.after is not None:
            self._limiter.hold(attempt.turn.lane, outcome.after)
        log_context.add(**{"error.type": outcome.error_type})
        in_doubt = attempt.sending.in_doubt or outcome.ambiguous
        if self._now() - attempt.item.added_at > self._retry_for:
            reason = f"given up after {attempt.sending.attempts} attempts: {outcome.reason}"
            return self._dead(attempt, reason, in_doubt=in_doubt)
        self._deliveries.end(
            attempt.sending, state=_state(in_doubt), reason=outcome.reason, in_doubt=in_doubt
        )
        delay = backoff(attempt.sending.attempts) if outcome.after is None else outcome.after
        if outcome.ambiguous and attempt.turn.claim.traits.thread:
            delay = max(delay, SEARCHABLE_AFTER)
        return Again(delay, outcome.reason)

    def _dead(self, attempt: Attempt, reason: str, *, in_doubt: bool) -> Verdict:
        self._deliveries.end(attempt.sending, state=DeliveryState.DEAD, reason=reason, in_doubt=in_doubt)
        log.error("delivery is dead", extra=attempt.keys | {"reason": reason})
        return Dead(reason)


def _measure(attempt: Attempt, outcome: Outcome, verdict: Verdict, now: datetime) -> None:
    name = attempt.destination
    match outcome:
        case Delivered():
            DELIVERY_ATTEMPTS.add(destination=name, outcome=DELIVERED)
            if attempt.received_at:
                waited = (now - attempt.received_at).total_seconds()
                EVENT_TO_MESSAGE.observe(waited, destination=name)
        case Rejected():
            DELIVERY_ATTEMPTS.add(destination=name, outcome=REJECTED)
        case Retry(needs_exclusive=True):
            pass  # nothing was sent
        case Retry() if isinstance(verdict, Dead):
            DELIVERY_ATTEMPTS.add(destination=name, outcome=GIVEN_UP)
        case Retry(error_type=error_type):
            DELIVERY_ATTEMPTS.add(destination=name, outcome=RETRIED)
            DELIVERY_RETRIES.add(destination=name, error_type=error_type)


def best_effort(item: Item, outcome: Outcome, what: str, now: datetime) -> Verdict:
    """The verdict on a dispensable message: it is retried for a while, and a failure is only logged. `what`
    names the message in the log."""
    if isinstance(outcome, Retry) and now - item.added_at <= _WORTH_TRYING:
        delay = backoff(item.claims) if outcome.after is None else outcome.after
        return Again(delay, outcome.reason, expected=True)
    if not isinstance(outcome, Delivered):
        log.warning(
            "not sent, and not tried again", extra={"item": item.id, "what": what, "reason": outcome.reason}
        )
    return Done()


def _state(in_doubt: bool) -> DeliveryState:
    return DeliveryState.UNSURE if in_doubt else DeliveryState.PENDING
