"""Queues reminders about malicious cases that nobody has acknowledged, and the steps of their escalation.

The receiver composes and sends the message, unless somebody has acknowledged the case in the meantime.
"""

from __future__ import annotations

from datetime import timedelta

from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.acknowledgements import Escalating, Unacknowledged
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.queues import items


def send_reminders(runtime: Runtime) -> None:
    """Queue what is due for each case. Several timers may do this at once. Raises SomeFailed after the other
    cases were handled."""
    parts = (("reminders", _remind), ("escalation", _escalate))
    attempt_each(parts, lambda part: part[1](runtime), lambda part: part[0])


def _remind(runtime: Runtime) -> None:
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


def _escalate(runtime: Runtime) -> None:
    steps, cases, now = runtime.config.escalate, runtime.ledger.cases, runtime.now()
    if not steps:
        return

    def escalate(case: Escalating) -> None:
        if case.since > now:  # a wrong clock wrote it
            cases.record_steps(case, since=now, steps=case.steps)
            return
        open_for = (now - case.since).total_seconds()
        due = [n for n, step in enumerate(steps, 1) if case.steps < n and step.after <= open_for]
        for number in due:  # enqueue before recording, as above
            item = items.Escalation(case.case_key, number, len(steps), case.since, steps[number - 1].to)
            id = f"escalation:{case.case_key}:{case.since.isoformat()}:{number}"
            runtime.events.put(items.encode(item), id=id)
        if due:
            cases.record_steps(case, since=case.since, steps=due[-1])

    attempt_each(cases.escalating(), escalate, lambda case: f"case {case.case_key}")
