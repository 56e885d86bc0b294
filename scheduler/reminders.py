"""Reminders about malicious cases that nobody has acknowledged.

The receiver composes the message. It sends none if somebody has acknowledged the case in the meantime.
"""

from __future__ import annotations

from datetime import timedelta

from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.acknowledgements import Unacknowledged
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.queues import items


def send_reminders(runtime: Runtime) -> None:
    """Queue a reminder for each case whose time has come. Several timers may do this at once. Raises
    SomeFailed after the other cases."""
    reminders = runtime.config.reminders
    if reminders is None:
        return
    cases, now, after = runtime.ledger.cases, runtime.now(), timedelta(seconds=reminders.after)

    def remind(waiting: Unacknowledged) -> None:
        left = waiting.due - now
        # A time further ahead was written by a wrong clock, and is not waited for.
        if timedelta() < left <= after:
            return
        number = waiting.reminded + 1
        # Enqueue before recording: a duplicate is ignored by its id, a missing item would be lost.
        id = f"{UNACKNOWLEDGED}:{waiting.case_key}:{number}"
        runtime.events.put(items.encode(items.Reminder(waiting.case_key, number, waiting.since)), id=id)
        cases.record_reminder(waiting, now + after if number < reminders.times else None)

    attempt_each(cases.unacknowledged(), remind, lambda waiting: f"case {waiting.case_key}")
