"""Begins the look at the whole organization once a day, and ends one that was cut off.

The timer runs this. The work itself is in the items of scheduler/cover_accounts.py.
"""

from __future__ import annotations

from datetime import timedelta

from scheduler.coverage_end import end_if_all_are_read
from scheduler.coverage_plan import Plan, load_plan, save_plan
from shared.hosting.runtime import Runtime
from shared.queues import items

# An item that waits for its next try is done long before.
LATE = timedelta(hours=3)
_AGAIN_AFTER = timedelta(minutes=30)  # if the accounts are not found yet


def look_at_organization(runtime: Runtime) -> None:
    now, notes, config = runtime.now(), runtime.ledger.notes, runtime.config
    day = config.daily_check.last_due(now, config.platform.url).date()
    plan = load_plan(notes)
    if plan is None or plan.day < day:
        # Save before queueing: the item is only handled if the plan is of its day.
        save_plan(notes, Plan(day, now))
        _begin(runtime, day.isoformat())
    elif plan.ended:
        return
    elif now - plan.began_at >= LATE:
        end_if_all_are_read(runtime, plan, late=True)
    elif plan.accounts is not None:
        end_if_all_are_read(runtime, plan)
    elif now - plan.began_at >= _AGAIN_AFTER:
        _begin(runtime, plan.day.isoformat())


def _begin(runtime: Runtime, day: str) -> None:
    runtime.captures.put(items.encode(items.CoverAccounts(day, 0, ())), id=f"cover:{day}:0")
