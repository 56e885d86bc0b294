"""Malicious cases that nobody has taken: what waits in the ledger goes in, items of [events] come out, one
for each time that a case is told again.

The receiver makes the message, and makes none where somebody has taken the case in the meantime.
"""

from __future__ import annotations

from datetime import timedelta

from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.acknowledgements import Unacknowledged
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.queues import items


def remind(runtime: Runtime) -> None:
    """One look at every case that waits. Any number of timers may look at once."""
    reminders = runtime.config.reminders
    if reminders is None:
        return
    now, after = runtime.now(), timedelta(seconds=reminders.after)

    def look(waiting: Unacknowledged) -> None:
        left = waiting.due - now
        if timedelta() < left <= after:  # further ahead only a clock that was wrong has set it
            return
        number = waiting.reminded + 1
        # The item before the record of it: one too many has an id that was seen, one too few is silence.
        id = f"{UNACKNOWLEDGED}:{waiting.case_key}:{number}"
        runtime.events.put(items.reminder(waiting.case_key, number, waiting.since.isoformat()), id=id)
        runtime.ledger.cases.record_reminder(waiting, now + after if number < reminders.times else None)

    attempt_each(runtime.ledger.cases.unacknowledged(), look, lambda waiting: f"case {waiting.case_key}")
