"""Sends reminders of malicious cases that nobody has acknowledged.

The scheduler's timer puts an item into [events] for each reminder that is due; the handler here sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from receiver.cases.lifecycle import CaseLifecycle, event_about, union
from shared.config.delivery import RemindersConfig
from shared.models.cases import CaseState
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.queues import items
from shared.queues.ports import Done, Verdict
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)


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
        """Handle an item of the timer."""
        case_key, number, config = item.case_key, item.number, self._config
        case = self._ledger.cases.get(case_key)
        if case is None or case.state is not CaseState.OPEN or config is None:
            return Done()
        # Reminders begin anew when somebody gives the case back or it is reopened.
        about = ":".join(filter(None, (case_key, case.opening, str(number))))
        event = event_about(case.alarm, UNACKNOWLEDGED, about, self._now())
        if self._ledger.events.routed_to(event.id) is not None:
            return Done()  # already sent, or a later alarm restarted the wait
        since = f"{item.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        text = f"First told at {since}. Reminder {number} of {config.times}."
        self._ledger.cases.change(
            case_key, lambda case: replace(case, told=union(case.told, config.to)) if case else None
        )
        self._cases.announce(replace(case.alarm, event=replace(event, text=text), case=case_key), config.to)
        log.warning("case not acknowledged: reminder sent", extra={"case": case_key, "reminder": number})
        return Done()
