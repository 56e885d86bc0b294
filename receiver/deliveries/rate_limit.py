"""How fast each destination may be written to: who wants to send comes in, a wait in seconds goes out.

What was sent and who waits is in the ledger, so that all workers keep one pace. Nobody waits here: a delivery
that is not yet due gets its turn and goes back into the queue until then, so that it is claimed twice and not
every second. Urgent ones go ahead of those that already wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.config.sections import DestinationConfig
from shared.storage.ledger import Store

Rules = tuple[tuple[int, float], ...]  # at most so many in any so many seconds

RULES: dict[str, Rules] = {
    # docs.slack.dev, rate limits: one a second for each webhook, and short bursts of more.
    "slack": ((60, 60.0),),
    # learn.microsoft.com: four a second; the Flow bot posts about 25 in five minutes (users' reports).
    "teams": ((4, 1.0), (25, 300.0)),
    # developer.atlassian.com, rate limiting: writes to one issue.
    "jira": ((20, 2.0), (100, 30.0)),
    # Nobody says how much an unknown receiver takes: what it refuses with 429 is sent again.
    "webhook": ((20, 1.0),),
}
# docs.slack.dev, rate limits: one message a second in a channel, and an alarm that opens a case posts two.
SLACK_BOT: Rules = ((30, 60.0),)
PER_CASE = ("jira",)

# Seconds by which a turn may be early or late without being another one: queues are not exact.
_EARLY, _LATE = 0.05, 2.0
# Seconds by which the clock may differ between workers. What is further ahead was written before the clock
# was set back, and tells nothing.
_SKEW = 5.0
_MOST_AT_ONCE = 50
_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 10.0
_MOMENT = 0.25  # seconds; who is busy with a destination for longer may be so for long


def rules_of(config: DestinationConfig) -> Rules:
    """The configured pace, else the vendor's."""
    if config.pace is None:
        by_bot = config.type == "slack" and config.token
        return SLACK_BOT if by_bot else RULES[config.type]
    if config.pace <= 1:
        return ((1, 1 / config.pace),)
    count = min(int(config.pace), _MOST_AT_ONCE)
    return ((count, count / config.pace),)


@dataclass(frozen=True)
class _State:
    """Epoch seconds: what was sent, and the turns that were given out and not used yet, in order."""

    sent: tuple[float, ...] = ()
    urgent: tuple[float, ...] = ()
    rest: tuple[float, ...] = ()
    until: float = 0.0  # the destination asked to be left alone until then


class Pace:
    """Safe to use from several threads and several processes."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        """`now` gives epoch seconds."""
        self._store, self._now = store, now
        self._lock = threading.Lock()  # of one process only one writes at a time, or all would collide

    def turn(
        self, key: str, rules: Rules, *, urgent: bool, waited: bool, longest: float | None = None
    ) -> float | None:
        """Seconds until this one may be sent. 0: now, and then it counts as sent. None: so many are ahead of
        it that they take longer than `longest`, and no turn is kept. `waited`: it has had a turn before."""
        found: list[float | None] = []

        def change(state: _State, now: float) -> _State:
            found[:] = []
            ahead = sorted(state.sent + state.urgent)
            if urgent and waited:
                ahead = list(state.sent)
            due = _next(ahead if urgent or waited else sorted((*ahead, *state.rest)), rules, now, state.until)
            if due <= now + _EARLY:
                found.append(0.0)
                return _used(replace(state, sent=(*state.sent, now)), urgent=urgent, waited=waited, now=now)
            if waited and due <= now + _LATE:
                found.append(due - now)
                return state
            if waited and not urgent:  # urgent ones came in between: it queues up again
                due = _next(sorted((*ahead, *state.rest)), rules, now, state.until)
            if longest is not None and due > max(now, state.until) + longest:
                found.append(None)
                return state
            found.append(due - now)
            if urgent:
                return replace(state, urgent=(*state.urgent, due))
            return replace(state, rest=(*state.rest, due))

        self._change(key, rules, change)
        return found[0]

    def hold(self, key: str, rules: Rules, seconds: float) -> None:
        """The destination asked to be left alone for so long."""
        self._change(key, rules, lambda state, now: replace(state, until=max(state.until, now + seconds)))

    def _change(self, key: str, rules: Rules, change: Callable[[_State, float], _State]) -> None:
        with self._lock:
            while True:
                now = self._now()
                record = self._store.get("pace", "", key)
                state = _read(record.body, now) if record else _State()
                after = change(state, now)
                if after == state:
                    return
                body = _kept(after, rules, now)
                expect = record.version if record else 0
                if self._store.put("pace", "", key, body, expect=expect, durable=False):
                    return


class Places:
    """How many of this process's workers may be busy with one destination: a hung one holds up no other."""

    def __init__(self, count: int, now: Callable[[], datetime]) -> None:
        self._count, self._now = count, now
        self._freed = threading.Condition()
        self._taken: dict[str, datetime] = {}
        self._next = False  # whether a worker stands at the door

    def enter(self, who: str) -> bool:
        """Where another one is about to leave, one worker waits for it: to hand an item back and claim it
        again costs more than a message. Who is in already is in."""
        with self._freed:
            if who in self._taken:
                return True
            if self._is_full() and not self._next and self._held() < _MOMENT:
                self._next = True
                self._freed.wait_for(lambda: not self._is_full(), _MOMENT)
                self._next = False
            if self._is_full():
                return False
            self._taken[who] = self._now()
            return True

    def leave(self, who: str) -> None:
        with self._freed:
            self._taken.pop(who, None)
            self._freed.notify()

    def wait(self) -> float:
        """Seconds after which it is worth asking again: the longer nothing ends, the longer."""
        with self._freed:
            return min(max(self._held(), _SHORTEST_WAIT), _LONGEST_WAIT)

    def _is_full(self) -> bool:
        return len(self._taken) >= self._count

    def _held(self) -> float:
        """For how many seconds the one has been here that came first."""
        now = self._now()
        return (now - min(self._taken.values(), default=now)).total_seconds()


def _next(taken: list[float], rules: Rules, now: float, until: float) -> float:
    """When the next one may be sent after all of `taken`."""
    due = max(now, until)
    for count, seconds in rules:
        if len(taken) >= count:
            due = max(due, taken[-count] + seconds)
    return due


def _used(state: _State, *, urgent: bool, waited: bool, now: float) -> _State:
    """Without the turn that was used just now."""
    lane = state.urgent if urgent else state.rest
    if not (waited and lane and lane[0] <= now + _EARLY):
        return state
    return replace(state, urgent=lane[1:]) if urgent else replace(state, rest=lane[1:])


def _read(body: dict[str, Any], now: float) -> _State:
    if body["at"] > now + _SKEW:
        return _State()
    return _State(tuple(body["sent"]), tuple(body["urgent"]), tuple(body["rest"]), body["until"])


def _kept(state: _State, rules: Rules, now: float) -> dict[str, Any]:
    """What the rules still look at. A turn that nobody used for a minute is forgotten: its delivery is over,
    or comes later and asks again."""
    most, longest = max(count for count, _ in rules), max(seconds for _, seconds in rules)
    sent = sorted(at for at in state.sent if at > now - longest)[-most:]
    lanes = [[at for at in sorted(lane) if at > now - 60][-most:] for lane in (state.urgent, state.rest)]
    return {"at": now, "sent": sent, "urgent": lanes[0], "rest": lanes[1], "until": state.until}
