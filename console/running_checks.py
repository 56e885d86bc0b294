"""Runs the checks of `huntbridge check` for the page about settings, and keeps what they found last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from console.views.settings import Checks, worst_first
from shared.models.checks import CheckResult, failed

log = logging.getLogger(__name__)

BUDGET = 45.0  # seconds that a request waits for the checks
_ABANDONED = "the checks ended with an error; the log of huntbridge says more"


class CheckSource(Protocol):
    """The checks, which the command line passes in."""

    def offline(self) -> Iterator[CheckResult]:
        """What can be said without asking anybody."""
        ...

    def online(self) -> Iterator[CheckResult]:
        """What the platform, AWS, the destinations and the secrets' stores answer."""
        ...


class NoChecks:
    def offline(self) -> Iterator[CheckResult]:
        return iter(())

    def online(self) -> Iterator[CheckResult]:
        return iter(())


@dataclass
class _Run:
    at: datetime
    findings: list[CheckResult] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


class RunningChecks:
    def __init__(self, source: CheckSource, now: Callable[[], datetime]) -> None:
        self._source, self._now = source, now
        self._lock, self._last = threading.Lock(), _Run(now())
        self._last.ended.set()
        self._ran = False

    def current(self) -> Checks:
        """What needs no call, checked now, and what the last run of the others found."""
        offline = list(self._source.offline())
        run = self._last
        findings = worst_first([*offline, *run.findings])
        return Checks(findings, run.at if self._ran else None, unfinished=not run.ended.is_set())

    def run(self, budget: float = BUDGET) -> bool:
        """Ask everybody, and wait until they have answered, but not longer than `budget` seconds. Then the
        answers that come later are still kept. False if the checks are running already."""
        with self._lock:
            if not self._last.ended.is_set():
                return False
            run = self._last = _Run(self._now())
            self._ran = True
        threading.Thread(target=self._work, args=(run,), name="checks", daemon=True).start()
        run.ended.wait(budget)
        return True

    def _work(self, run: _Run) -> None:
        try:
            for finding in self._source.online():
                run.findings.append(finding)
        except Exception:
            log.exception("the checks ended with an error")
            run.findings.append(failed("checks", _ABANDONED))
        finally:
            run.ended.set()
