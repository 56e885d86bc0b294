"""Sends reminders of malicious cases that nobody has acknowledged, and the steps of their escalation.

The scheduler's timer puts an item into [events] for each that is due; the handlers here send it. A
destination for which a route still holds the case gets none: it was not told of the case yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.cases.lifecycle import CaseLifecycle, event_about, union
from shared.config.delivery import RemindersConfig
from shared.models.cases import Case, CaseState
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.queues import items
from shared.queues.ports import Done, Verdict
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)

# How long after its hours began a destination that was not told of a held case counts as not told yet. Then
# its digest cannot be delivered, and a reminder is better than nothing.
_LATE = timedelta(hours=1)


class CaseReminders:
    """`config` is None if no reminders are configured."""

    def __init__(
        self,
        cases: CaseLifecycle,
        ledger: Ledger,
        config: RemindersConfig | None,
        now: Callable[[], datetime],
    ) -> None:
        self._cases, self._ledger, self._config, self._now = cases, ledger, config, now

    def remind(self, item: items.Reminder) -> Verdict:
        """Handle an item of the timer: a reminder."""
        if self._config:
            text = f"First told at {_utc(item.since)}. Reminder {item.number} of {self._config.times}."
            nobody_until = self._tell(item.case_key, str(item.number), text, self._config.to)
            if nobody_until:  # the reminder is due later, unless another one is
                left = (nobody_until - self._now()).total_seconds()
                self._ledger.cases.await_acknowledgement(item.case_key, max(0.0, left) + self._config.after)
        return Done()

    def escalate(self, item: items.Escalation) -> Verdict:
        """Handle an item of the timer: a step of an escalation."""
        text = f"Open since {_utc(item.since)}. Step {item.number} of {item.steps} of the escalation."
        self._tell(item.case_key, f"step-{item.number}", text, item.to)
        return Done()

    def _tell(self, case_key: str, number: str, text: str, names: Sequence[str]) -> datetime | None:
        """Tell these destinations that the case is still open. A reminder with the same number is sent once
        for each time that the case is opened or reopened. If routes hold the case for all of these
        destinations, nothing is sent, and the time at which the first one is told is returned."""
        case = self._ledger.cases.get(case_key)
        if case is None or case.state is not CaseState.OPEN:
            return None
        held = self._held(case)
        told = [name for name in names if name not in held]
        if not told:
            log.info("no reminder of a held case", extra={"case": case_key, "reminder": number})
            return min(held[name] for name in names)
        # Reminders begin anew when somebody gives the case back or it is reopened.
        about = ":".join(filter(None, (case_key, case.opening, number)))
        event = event_about(case.alarm, UNACKNOWLEDGED, about, self._now())
        if self._ledger.events.routed_to(event.id) is not None:
            return None  # already sent, or a later alarm restarted the wait

        def with_told(case: Case | None) -> Case | None:
            return replace(case, told=union(case.told, told)) if case else None

        self._ledger.cases.change(case_key, with_told)
        self._cases.announce(replace(case.alarm, event=replace(event, text=text), case=case_key), told)
        log.warning("case not acknowledged: reminder sent", extra={"case": case_key, "reminder": number})
        return None

    def _held(self, case: Case) -> dict[str, datetime]:
        """The destinations that were not told of the case yet, since a route holds it for them until then. A
        route that waits for the end of a hunt holds no malicious alarms, so it does not count."""
        now = self._now()
        return {
            name: until
            for name, until in case.held.items()
            if until and name not in case.told and now < until + _LATE
        }


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
