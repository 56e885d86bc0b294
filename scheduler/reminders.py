"""Queues reminders about malicious cases that nobody has acknowledged.

The receiver composes and sends the message, unless somebody has acknowledged the case in the meantime.
"""

from __future__ import annotations

from datetime import timedelta

from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.acknowledgements import Unacknowledged
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.queues import items


def send_reminders(runtime: Runtime) -> None:
    """Queue a reminder for each case that is due. Several timers may do this at once. Raises SomeFailed after
    the other cases were handled."""
    reminders = runtime.config.reminders
    if reminders is None:
        return
    cases, now, after = runtime.ledger.cases, runtime.now(), timedelta(seconds=reminders.after)

    def remind(waiting: Unacknowledged) -> None:
        left = waiting.due - now
        # If the time is further ahead than `after`, a wrong clock wrote it, and the reminder is sent now.
        if timedelta() < left <= after:
            return
        number = waiting.reminded + 1
        # Enqueue before recording. After a crash in between, the id makes a second item harmless. The other
        # order could lose the reminder.
        id = f"{UNACKNOWLEDGED}:{waiting.case_key}:{number}"
        runtime.events.put(items.encode(items.Reminder(waiting.case_key, number, waiting.since)), id=id)
        cases.record_reminder(waiting, now + after if number < reminders.times else None)

    attempt_each(cases.unacknowledged(), remind, lambda waiting: f"case {waiting.case_key}")
