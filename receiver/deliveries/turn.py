"""Decides whether a delivery may be sent now.

It needs its case and a turn by the rate limit. Nothing is sent here, and no message is composed before the
turn has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from receiver.deliveries.claim import CaseClaim, CaseClaims, Occupied
from receiver.deliveries.rate_limit import Lane, RateLimiter, lane_of
from shared.config.destinations.registry import DestinationConfig
from shared.metrics.definitions import RATE_LIMIT_WAIT_SECONDS, RATE_LIMIT_WAITS
from shared.queues.ports import Again, Item
from shared.queues.worker import backoff

_IDLE_CHECK = 10.0  # seconds until an edit asks again whether alarms are waiting


@dataclass(frozen=True)
class Turn:
    """A delivery may be sent now."""

    claim: CaseClaim
    lane: Lane


@dataclass(frozen=True)
class TooFarAway:
    """The turn would come later than an alarm may wait."""


class Turns:
    def __init__(
        self,
        configured: Mapping[str, DestinationConfig],
        limiter: RateLimiter,
        claims: CaseClaims,
    ) -> None:
        self._configured, self._limiter, self._claims = configured, limiter, claims

    def of_alarm(
        self,
        item: Item,
        destination: str,
        case_key: str,
        *,
        urgent: bool,
        longest_wait: float | None,
        gathered: bool = False,
    ) -> Turn | TooFarAway | Again:
        """TooFarAway if the alarm would wait for more than `longest_wait` seconds; None allows any wait. The
        case is released unless the turn has come. `gathered`: at its first claim the item waited for more
        alarms, and did not ask for a turn."""
        claim = self._claims.acquire(item, destination, case_key)
        if isinstance(claim, Occupied):
            delay = min(claim.wait, backoff(item.claims, base=0.5, cap=10.0))
            return Again(delay, f"another alarm of its case is on the way to {destination}", expected=True)
        lane = lane_of(destination, self._configured[destination], case_key)
        # A digest is for a whole destination, so it would not shorten the wait of a single case.
        longest = None if lane.by_case else longest_wait
        waited = item.claims > (2 if gathered else 1)
        wait = self._limiter.turn(lane, urgent=urgent, waited=waited, longest=longest)
        if wait == 0:
            return Turn(claim, lane)
        claim.release()
        if wait is None:
            return TooFarAway()
        _measure_wait(destination, wait)
        return Again(wait, f"{destination} takes no more for now", expected=True)

    def of_digest(self, item: Item, destination: str, case_key: str) -> Turn | Again:
        """A digest waits like an alarm that is not urgent. While it waits, it collects alarms."""
        lane = lane_of(destination, self._configured[destination])
        wait = self._limiter.turn(lane, urgent=False, waited=not item.first_claim)
        if wait:
            _measure_wait(destination, wait)
            return Again(wait, f"the digest for {destination} gathers until its turn", expected=True)
        return Turn(self._claims.unclaimed(item, destination, case_key), lane)

    def of_edit(self, item: Item, destination: str) -> Lane | float:
        """The lane of an edit that may be sent now. While alarms are waiting for the destination, the seconds
        after which the edit should ask again."""
        lane = lane_of(destination, self._configured[destination])
        wait = self._limiter.turn(lane, urgent=False, waited=not item.first_claim, longest=0.0)
        if wait is None:
            return _IDLE_CHECK
        return wait or lane


def _measure_wait(destination: str, seconds: float) -> None:
    RATE_LIMIT_WAITS.add(destination=destination)
    RATE_LIMIT_WAIT_SECONDS.add(seconds, destination=destination)
