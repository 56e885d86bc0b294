"""Asks a source in the background, with a time limit: the ledger, the platform, EC2 or the roster.

If a query fails or gets no answer in time, the alarm has a gap with the reason. A source that hangs can
neither delay an alarm for longer than the limit nor occupy more and more threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from receiver.events.on_duty import DutyUnknown
from shared import log_context
from shared.http.deadlines import within
from shared.metrics.definitions import (
    ANSWERED,
    ENRICHMENT_QUERIES,
    ENRICHMENT_SECONDS,
    FAILED,
    NOT_ASKED,
    TIMED_OUT,
)
from shared.models.alarms import Gap
from shared.models.inventory import InstanceError
from shared.platform.errors import CadoError, Unavailable
from shared.queues.waiting import Event, MakeEvent
from shared.storage.ports import StoreError

T = TypeVar("T")
log = logging.getLogger(__name__)

# Seconds for which a call may go on after its limit. The alarm has stopped waiting before, and names the time
# limit as the reason.
_LEEWAY = 1.0
# The most queries to one source at a time; more wait for their turn. Without this limit, each alarm would
# leave threads at a hung source.
_MAX_QUESTIONS = 32
# For this many seconds after a source could not be reached, it is not asked: it answers nobody else either.
_UNREACHABLE_FOR = 1.0
# After this many timeouts in a row, a source is not asked for this many seconds. Otherwise each alarm of a
# storm would wait for its whole time limit.
_SILENT_AFTER, _SILENT_FOR = 6, 15.0


class Question(Generic[T]):
    """One query to one source, and its answer as soon as there is one."""

    def __init__(
        self,
        fact: str,
        title: str,
        source: Source,
        call: Callable[[], T],
        until: float,
        allowed: float,
        done: Event,
    ) -> None:
        """`fact`: what is asked for. `title`: the source that is asked. People read both. `done`: happens
        when there is an answer."""
        self.fact, self.title, self.source, self.call = fact, title, source, call
        self.until, self.allowed = until, allowed
        self.keys = dict(log_context.current())  # for the log lines of the thread that asks
        self.waits_for_turn = self.given_up = False
        self.done = done
        self.value: T | None = None
        self.failure, self.unreachable = "", False

    def run(self) -> None:
        if self.given_up:
            return
        self.waits_for_turn, began = False, time.monotonic()
        try:
            with within(self.allowed + _LEEWAY), log_context.scope(**self.keys):
                self.value = self.call()
        except (CadoError, InstanceError, StoreError, DutyUnknown) as error:
            self.failure = str(error)
            self.unreachable = isinstance(error, Unavailable) and error.unreachable
        except Exception as error:  # a bug; the alarm goes on without this answer
            log.exception("asking failed unexpectedly", extra={"asked": self.fact, "source": self.title})
            self.failure = f"asking {self.title} failed unexpectedly ({type(error).__name__})"
        finally:
            ENRICHMENT_SECONDS.observe(time.monotonic() - began, source=self.source.name)
            self.done.set()


class Source:
    """The threads that ask one source. They are started when they are needed, and reused.

    They are daemon threads: unlike those of concurrent.futures, a hung one does not keep the process alive.
    """

    def __init__(
        self, name: str, title: str, allowed: float, event: MakeEvent, *, limit: int = _MAX_QUESTIONS
    ) -> None:
        """`name`: for the threads' names and the metrics. `title`: for people. `allowed`: seconds for one
        query. `event`: makes what a handler can wait for."""
        self.name, self.title, self.allowed, self.event = name, title, allowed, event
        self._limit = limit
        self._questions: SimpleQueue[Question[Any]] = SimpleQueue()
        self._lock = threading.Lock()
        self._open = self._threads = 0  # queries that have no answer yet, and threads
        self._timeouts, self._last_timeout = 0, 0.0
        self._unreachable, self._unreachable_until = "", 0.0

    def unreachable(self, now: float) -> str:
        """Why no connection could be made a moment ago; empty if the source may be asked."""
        return self._unreachable if now < self._unreachable_until else ""

    def could_not_be_reached(self, why: str, now: float) -> None:
        self._unreachable, self._unreachable_until = why, now + _UNREACHABLE_FOR

    def silent(self, now: float) -> bool:
        """Whether the source is not asked at the moment, because its last answers timed out."""
        return self._timeouts >= _SILENT_AFTER and now - self._last_timeout < _SILENT_FOR

    def answered(self) -> None:
        self._timeouts = 0

    def timed_out(self, now: float) -> None:
        self._timeouts, self._last_timeout = self._timeouts + 1, now

    def start(self, question: Question[Any]) -> bool:
        """Ask as soon as a thread is free. False if there is no thread, and none can be started."""
        with self._lock:
            if self._threads <= self._open and self._threads < self._limit:
                try:
                    threading.Thread(target=self._work, name=f"enrich-{self.name}", daemon=True).start()
                    self._threads += 1
                except RuntimeError:  # no more threads can be started
                    if not self._threads:
                        return False
            question.waits_for_turn = self._open >= self._threads
            self._open += 1
        self._questions.put(question)
        return True

    def _work(self) -> None:
        while True:
            question = self._questions.get()
            question.run()
            del question  # an idle thread must not keep the last alarm in memory
            with self._lock:
                self._open -= 1


class OwnSource(Source):
    """A source that is asked in the thread of the caller. It is for the ledger, without which no alarm can be
    handled: to ask it in the background would save no time."""

    def start(self, question: Question[Any]) -> bool:
        question.run()
        return True


class Inquiry:
    """All queries about one alarm: their common deadline, and the gaps that they left."""

    def __init__(self, now: Callable[[], float], budget: float) -> None:
        """`now` is a monotonic clock; `budget` is in seconds."""
        self._now, self._end = now, now() + budget
        self._gaps: dict[str, str] = {}

    def ask(self, source: Source, fact: str, call: Callable[[], T], title: str = "") -> Question[T] | None:
        """Start a query. If the source cannot be asked, returns None and records a gap. `title` replaces the
        source's title."""
        title = title or source.title
        start = self._now()
        allowed = min(source.allowed, self._end - start)
        if allowed <= 0:
            self._not_asked(source, fact, f"no time was left to ask {title}")
            return None
        if source.silent(start):
            self._not_asked(source, fact, f"{title} has not answered lately and was not asked")
            return None
        if why := source.unreachable(start):
            self._not_asked(source, fact, why)
            return None
        question = Question(fact, title, source, call, start + allowed, allowed, source.event())
        if not source.start(question):
            self._not_asked(source, fact, _still_busy(title))
            return None
        return question

    def answer(self, question: Question[T] | None) -> T | None:
        """Wait for the answer. If there is none in time, or if the query failed, returns None and records a
        gap."""
        if question is None or question.fact in self._gaps:
            return None
        if not question.done.wait(max(0.0, question.until - self._now())):
            if question.waits_for_turn:
                question.given_up = True
                self._not_asked(question.source, question.fact, _still_busy(question.title))
                return None
            question.source.timed_out(self._now())
            ENRICHMENT_QUERIES.add(source=question.source.name, outcome=TIMED_OUT)
            self.add_gap(
                question.fact, f"{question.title} did not answer within {round(question.allowed, 1):g} s"
            )
            return None
        question.source.answered()
        outcome = FAILED if question.failure else ANSWERED
        ENRICHMENT_QUERIES.add(source=question.source.name, outcome=outcome)
        if question.unreachable:
            question.source.could_not_be_reached(question.failure, self._now())
        if question.failure:
            self.add_gap(question.fact, question.failure)
            return None
        return question.value

    def _not_asked(self, source: Source, fact: str, why: str) -> None:
        ENRICHMENT_QUERIES.add(source=source.name, outcome=NOT_ASKED)
        self.add_gap(fact, why)

    def add_gap(self, fact: str, why: str) -> None:
        self._gaps.setdefault(fact, why)

    def gaps(self) -> tuple[Gap, ...]:
        """One gap for each reason, so that a platform that is down is named only once."""
        by_reason: dict[str, list[str]] = {}
        for fact, why in self._gaps.items():
            by_reason.setdefault(why, []).append(fact)
        return tuple(Gap(", ".join(facts).capitalize(), why) for why, facts in by_reason.items())


def _still_busy(title: str) -> str:
    return f"{title} is still busy with earlier requests"
