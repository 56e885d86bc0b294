"""The record of systems: what the captures of each one brought, week by week.

A document has a bounded size: the last weeks, and in each week a bounded number of hunts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump, load
from shared.models.coverage import CoveredSystem, Outcome, worst
from shared.models.hunts import hunt_name
from shared.models.severity import Severity
from shared.models.systems import System
from shared.models.weeks import last_weeks, week_of
from shared.storage import kinds
from shared.storage.ports import Body, Store
from shared.storage.stored_times import is_future
from shared.text import one_line

WEEKS_KEPT = 14
HUNTS_KEPT = 20  # of one week; those before are kept as one
_NAMES_KEPT = 10  # of hunts
_MAX_REASON = 300  # characters
_EARLIER = "earlier"  # what stands in a week for the hunts before the last HUNTS_KEPT
_OF_ALARMS = {
    Severity.MALICIOUS: Outcome.MALICIOUS,
    Severity.SUSPICIOUS: Outcome.SUSPICIOUS,
    Severity.UNKNOWN: Outcome.UNKNOWN,
}
Weeks = Mapping[str, Mapping[str, Outcome]]


class Systems:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def all(self) -> Iterator[tuple[str, CoveredSystem]]:
        """Every system that hunts capture, with its `System.lasting_key`."""
        for record in self._store.scan(kinds.SYSTEM, ""):
            yield record.name, load(CoveredSystem, record.body)

    def capture_ended(self, capture: Capture) -> None:
        """Record how a capture ended. The same capture again replaces what it brought before."""
        ended_at = capture.ended_at
        outcome = _outcome(capture)
        if ended_at is None or outcome is None or is_future(ended_at, self._now()):
            return
        self._change(capture.system, lambda known: self._with_capture(known, capture, outcome, ended_at))

    def alarm_raised(self, system: System, hunt_id: str, severity: Severity, at: datetime) -> None:
        """Record an alarm about a system. It counts even if the platform reports no alarms of the capture."""
        if severity in _OF_ALARMS:
            brought = f"alarm of {hunt_id}" if hunt_id else "alarm"
            weeks = {week_of(at): {brought: _OF_ALARMS[severity]}}
            self._change(system, lambda known: replace(known, weeks=self._merged(known.weeks, weeks)))

    def seen(self, system_key: str, at: datetime, *, captured: bool) -> None:
        """Record when a system was hunted, or captured, as an earlier version stored it."""
        system = System.from_key(system_key)
        if is_future(at, self._now()):
            return

        def change(known: CoveredSystem) -> CoveredSystem:
            known = replace(known, last_attempt_at=max(known.last_attempt_at or at, at))
            if captured:
                known = replace(known, last_captured_at=max(known.last_captured_at or at, at))
            return known

        self._change(system, change)

    def save_name(self, system: System, name: str) -> None:
        self._change(system, lambda known: replace(known, name=name))

    def _change(self, system: System, change: Callable[[CoveredSystem], CoveredSystem]) -> None:
        system = system.as_lasting

        def changed(body: Body | None) -> tuple[Body, None]:
            return dump(change(load(CoveredSystem, body) if body else CoveredSystem(system))), None

        self._store.update(kinds.SYSTEM, "", system.key, changed)

    def _with_capture(
        self, known: CoveredSystem, capture: Capture, outcome: Outcome, ended_at: datetime
    ) -> CoveredSystem:
        # One hunt may capture several pods that share what lasts; the worst of them counts.
        replaces = not capture.system.lasts_in_others
        weeks = self._merged(known.weeks, {week_of(ended_at): {capture.hunt_id: outcome}}, replaces=replaces)
        known = replace(known, weeks=weeks)
        succeeded = capture.state is CaptureState.PROCESSED
        if succeeded:
            known = replace(known, last_captured_at=max(known.last_captured_at or ended_at, ended_at))
        attempt = f"{capture.hunt_id}#{capture.attempt}"
        is_same = attempt == known.last_attempt
        if known.last_attempt and known.last_attempt_at and ended_at < known.last_attempt_at and not is_same:
            return known  # recorded late
        name = hunt_name(capture.hunt_id)
        failures = known.failures_in_a_row if is_same else known.failures_in_a_row + 1
        return replace(
            known,
            last_attempt_at=max(known.last_attempt_at or ended_at, ended_at),
            last_attempt=attempt,
            last_reason="" if succeeded else one_line(capture.reason, _MAX_REASON),
            failures_in_a_row=0 if succeeded else max(failures, 1),
            hunts=(name, *(other for other in known.hunts if other != name))[:_NAMES_KEPT],
        )

    def _merged(self, known: Weeks, new: Weeks, *, replaces: bool = False) -> dict[str, dict[str, Outcome]]:
        """The weeks with something new. `replaces`: what a hunt brought before in the same week goes."""
        kept = set(last_weeks(self._now(), WEEKS_KEPT))
        weeks = {week: dict(brought) for week, brought in known.items()}
        for week, brought in new.items():
            before = weeks.setdefault(week, {})
            for by, outcome in brought.items():
                before[by] = outcome if replaces else worst((outcome, before.get(by, Outcome.NONE)))
        return {week: _shortened(brought) for week, brought in sorted(weeks.items()) if week in kept}


def _outcome(capture: Capture) -> Outcome | None:
    """None if the capture has not ended."""
    if capture.state is CaptureState.FAILED:
        return Outcome.FAILED
    if capture.state is not CaptureState.PROCESSED:
        return None
    if capture.malicious:
        return Outcome.MALICIOUS
    if capture.suspicious:
        return Outcome.SUSPICIOUS
    return Outcome.UNKNOWN if capture.reason else Outcome.CLEAN  # the reason: some volumes were not searched


def _shortened(brought: Mapping[str, Outcome]) -> dict[str, Outcome]:
    hunts = [by for by in brought if by != _EARLIER]
    gone = hunts[:-HUNTS_KEPT]
    if not gone:
        return dict(brought)
    earlier = worst([brought.get(_EARLIER, Outcome.NONE), *(brought[by] for by in gone)])
    return {_EARLIER: earlier, **{by: brought[by] for by in hunts[-HUNTS_KEPT:]}}
