"""The platform's list of alarms, which says where each finding was found. Where the platform has no summary
of alarms, they are counted here.

Two webhooks about one evidence come within seconds of each other, so what was listed is kept for a while.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.platform.artefacts import Counted, with_artefacts
from shared.platform.errors import CadoError
from shared.platform.transport import Transport
from shared.platform.wire import AlarmJson, finding_from, parse, worst_first

MOST_ALARMS = 500  # of one evidence that are listed
_MOST_COUNTED = 2_000  # where the platform has no summary
_KEPT, _KEPT_FOR = 50, 900.0  # evidences, and seconds
# Seconds that the list may take, of which the margin is left to the caller: if the caller stopped waiting, it
# would have no findings at all.
_TIME, _MARGIN = 6.0, 2.0
_PATH = "/api/v3/alarms"

Summary = tuple[Counted, ...]


@dataclass
class _Kept:
    """What was listed for one evidence."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    summary: Summary = ()
    findings: tuple[Finding, ...] = ()
    until: float = 0.0


class AlarmLists:
    """Safe to use from several threads."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._clock = transport, clock
        self._kept: OrderedDict[tuple[int, int], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def complete(self, project_id: int, evidence_id: int, summary: Summary) -> tuple[Finding, ...]:
        """The findings of a summary with their paths and artefacts; without both if the platform does not
        list the alarms in time."""
        kept = self._of((project_id, evidence_id))
        try:
            ends_at = self._clock() + remaining(_TIME) - _MARGIN
            with _held(kept.lock, ends_at - self._clock()):
                if kept.summary != summary or self._clock() >= kept.until:
                    with within(ends_at - self._clock()):
                        kept.findings = self._listed(project_id, evidence_id, summary)
                    kept.summary, kept.until = summary, self._clock() + _KEPT_FOR
                return kept.findings
        except (CadoError, DeadlineExceeded):
            return tuple(finding for finding, _ in summary)

    def counted(self, project_id: int, evidence_id: int | None) -> tuple[Finding, ...]:
        """The summary of a platform that has none (before 2.273): its newest alarms are counted."""
        params = {"project_id": project_id, "evidence_id": evidence_id}
        items, are_all = self._transport.first(_PATH, params, _MOST_COUNTED)
        alarms = [parse(AlarmJson, item) for item in items]
        counted: dict[tuple[str, Severity], Finding] = {}
        for alarm in map(finding_from, alarms):
            key = alarm.description, alarm.severity
            known = counted.get(key, replace(alarm, count=0))
            counted[key] = replace(known, count=known.count + 1)
        findings = worst_first(counted.values())
        if evidence_id is None or not are_all:
            return findings
        return with_artefacts(((finding, 0) for finding in findings), alarms)

    def _of(self, key: tuple[int, int]) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept

    def _listed(self, project_id: int, evidence_id: int, summary: Summary) -> tuple[Finding, ...]:
        about = {"investigation_id": project_id, "evidence_id": evidence_id}
        malicious: list[AlarmJson] = []
        if any(finding.severity is Severity.MALICIOUS for finding, _ in summary):
            malicious = self._first({**about, "alarm_severity": [1]}, MOST_ALARMS)
        # Suspicious events of logs come in thousands and have no path: the summary's count says it all.
        suspicious: list[AlarmJson] = []
        room = MOST_ALARMS - len(malicious)
        if room and any(f.severity is Severity.SUSPICIOUS and f.count > events for f, events in summary):
            suspicious = self._first({**about, "alarm_severity": [3], "alarm_type": "content"}, room)
        newest = {
            alarm.description: alarm.path for alarm in map(finding_from, reversed(malicious)) if alarm.path
        }
        findings = with_artefacts(summary, [*malicious, *suspicious])
        return tuple(replace(finding, path=newest.get(finding.description, "")) for finding in findings)

    def _first(self, params: Mapping[str, Any], most: int) -> list[AlarmJson]:
        items, _ = self._transport.first(_PATH, params, most)
        return [parse(AlarmJson, item) for item in items]


@contextmanager
def _held(lock: threading.Lock, seconds: float) -> Iterator[None]:
    """Hold a lock. Raises DeadlineExceeded if it is not free in time."""
    if not lock.acquire(timeout=max(seconds, 0)):
        raise DeadlineExceeded
    try:
        yield
    finally:
        lock.release()
