"""Limits the rate of messages to each destination.

A delivery asks for its turn and gets the number of seconds to wait. The store holds what was sent and which
turns were given, so that all workers together keep to one rate. No worker sleeps here: a delivery whose turn
has not come goes back into the queue until then. So a waiting delivery is claimed only twice: to be given its
turn, and when the turn has come. Urgent deliveries go ahead of those that are already waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from receiver.destinations.contract import RateLimit
from receiver.destinations.registry import traits_of
from shared.config.destinations.registry import DestinationConfig
from shared.storage import kinds
from shared.storage.ports import Body, Store

# A delivery may use its turn although it comes this many seconds early or late, because queues are not exact.
_EARLY, _LATE = 0.05, 2.0
# Seconds by which the clocks of two workers may differ. A state that is further in the future was written
# before the clock was set back, and is ignored.
_CLOCK_SKEW = 5.0
# Seconds after which an unused turn is dropped. Its delivery has ended, or will ask for a new turn.
_UNUSED = 60.0
_LARGEST_BURST = 50


def limits_of(config: DestinationConfig) -> RateLimit:
    """The configured rate limit; without one, the vendor's."""
    if config.pace is None:
        return traits_of(config).rate_limit
    if config.pace <= 1:
        return ((1, 1 / config.pace),)
    burst = min(int(config.pace), _LARGEST_BURST)
    return ((burst, burst / config.pace),)


@dataclass(frozen=True)
class Lane:
    """What a rate limit counts: the messages to a destination, or those to a destination about one case."""

    key: str
    limits: RateLimit
    by_case: bool = False


def lane_of(destination: str, config: DestinationConfig, case_key: str = "") -> Lane:
    """The lane of a message about a case; without `case_key`, the lane of the destination."""
    # A configured rate limit applies to the whole destination.
    if case_key and config.pace is None and traits_of(config).rate_limit_by_case:
        return Lane(f"{destination} {case_key}", limits_of(config), by_case=True)
    return Lane(destination, limits_of(config))


@dataclass(frozen=True)
class _State:
    """All times are epoch seconds."""

    sent: tuple[float, ...] = ()
    urgent: tuple[float, ...] = ()  # turns of urgent deliveries that are not used yet, in order
    rest: tuple[float, ...] = ()  # turns of the other deliveries
    until: float = 0.0  # the destination asked to get no messages before this time


class RateLimiter:
    """Safe to use from several threads and several processes."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        """`now` gives epoch seconds."""
        self._store, self._now = store, now
        self._lock = threading.Lock()  # otherwise threads would make each other's writes fail

    def turn(self, lane: Lane, *, urgent: bool, waited: bool, longest: float | None = None) -> float | None:
        """Seconds until a delivery may be sent. 0 means now, and the delivery then counts as sent. None means
        that its turn would be more than `longest` seconds away; then it is given no turn.

        `waited`: the delivery has been given a turn before.
        """

        def take(state: _State, now: float) -> tuple[_State, float | None]:
            return _take_turn(state, lane.limits, now, urgent=urgent, waited=waited, longest=longest)

        return self._update(lane, take)

    def hold(self, lane: Lane, seconds: float) -> None:
        """Send nothing for `seconds`, because the destination asked for that."""

        def hold(state: _State, now: float) -> tuple[_State, None]:
            return replace(state, until=max(state.until, now + seconds)), None

        self._update(lane, hold)

    def _update(
        self, lane: Lane, change: Callable[[_State, float], tuple[_State, float | None]]
    ) -> float | None:
        def changed(body: Body | None) -> tuple[Body | None, float | None]:
            now = self._now()
            before = _load(body, now) if body else _State()
            after, result = change(before, now)
            return (_dump(after, lane.limits, now) if after != before else None), result

        with self._lock:
            return self._store.update(kinds.PACE, "", lane.key, changed, durable=False)


def _take_turn(
    state: _State, limits: RateLimit, now: float, *, urgent: bool, waited: bool, longest: float | None
) -> tuple[_State, float | None]:
    """The state with this delivery's turn in it, and what `RateLimiter.turn` returns."""
    ahead = sorted(state.sent + state.urgent)
    behind_all = sorted((*ahead, *state.rest))
    if urgent and waited:
        ahead = list(state.sent)
    due = _next_free(ahead if urgent or waited else behind_all, limits, now, state.until)
    if due <= now + _EARLY:
        state = replace(state, sent=(*state.sent, now))
        return (_without_used_turn(state, urgent=urgent, now=now) if waited else state), 0.0
    if waited and due <= now + _LATE:
        return state, due - now
    if waited and not urgent:  # urgent deliveries took its turn, so it goes to the end of the line
        due = _next_free(behind_all, limits, now, state.until)
    if longest is not None and due > max(now, state.until) + longest:
        return state, None
    if urgent:
        return replace(state, urgent=(*state.urgent, due)), due - now
    return replace(state, rest=(*state.rest, due)), due - now


def _next_free(times: list[float], limits: RateLimit, now: float, until: float) -> float:
    """When the next message may be sent after the messages at `times`, which are in order."""
    due = max(now, until)
    for count, seconds in limits:
        if len(times) >= count:
            due = max(due, times[-count] + seconds)
    return due


def _without_used_turn(state: _State, *, urgent: bool, now: float) -> _State:
    turns = state.urgent if urgent else state.rest
    if not turns or turns[0] > now + _EARLY:
        return state
    return replace(state, urgent=turns[1:]) if urgent else replace(state, rest=turns[1:])


def _load(body: dict[str, Any], now: float) -> _State:
    if body["at"] > now + _CLOCK_SKEW:
        return _State()
    return _State(tuple(body["sent"]), tuple(body["urgent"]), tuple(body["rest"]), body["until"])


def _dump(state: _State, limits: RateLimit, now: float) -> dict[str, Any]:
    """The part of the state that the limits still depend on."""
    most = max((count for count, _ in limits), default=1)
    longest = max((seconds for _, seconds in limits), default=0.0)

    def recent(times: tuple[float, ...], seconds: float) -> list[float]:
        return sorted(time for time in times if time > now - seconds)[-most:]

    return {
        "at": now,
        "sent": recent(state.sent, longest),
        "urgent": recent(state.urgent, _UNUSED),
        "rest": recent(state.rest, _UNUSED),
        "until": state.until,
    }
