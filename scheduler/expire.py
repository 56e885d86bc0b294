"""Deletes what has expired, in SQLite, and keeps what open cases and hunts refer to, on both sides.

A document expires some time after its last write, also if an open case refers to it. So what open cases and
hunts refer to is written again, in a round through all of them every twenty days, long before it expires.
After a long stop nothing is deleted before such a round is done.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.hosting.runtime import Runtime
from shared.http.deadlines import lasts
from shared.storage import indexes, kinds
from shared.storage.renewal import renew_case, renew_hunt
from shared.storage.stored_times import within_last

ROUND = timedelta(days=20)  # a third of the shortest time that `keep` accepts
# A clock that is years ahead would make everything expire. So after a step of more than a week nothing is
# deleted for a day, in which the clock may be corrected. A long stop looks like such a step.
STEP, SETTLED = timedelta(days=7), timedelta(days=1)
_SAVED_EVERY = timedelta(hours=6)
_CASES_AT_ONCE = 10
_PAUSE = 0.05  # seconds between two transactions, so that webhooks come in between
_TO_SPARE = 2.0  # seconds of the budget in which nothing more is begun
_ROUND_NOTE, _CLOCK_NOTE = "round", "clock"


def expire(runtime: Runtime) -> None:
    """Do as much as fits into the budget. Several timers may do this at once. Raises StoreError."""
    is_safe = _renewed(runtime) and _clock_is_settled(runtime)
    while lasts(_TO_SPARE) and runtime.store.tidy(delete=is_safe):
        runtime.sleep(_PAUSE)


def _renewed(runtime: Runtime) -> bool:
    """Go on with the round, or begin the next one. Returns whether the last one is done and not old."""
    now, notes, store = runtime.now(), runtime.ledger.notes, runtime.store
    note = notes.get(kinds.EXPIRY_NOTES, _ROUND_NOTE)
    if not note or not within_last(ROUND, datetime.fromisoformat(note["began"]), now):
        note = {"began": now.isoformat(), "after": "", "done": False}
        for hunt in runtime.ledger.hunts.unfinished():
            if not within_last(ROUND, hunt.scheduled_at, now):
                renew_hunt(store, hunt.id)
    while not note["done"] and lasts(_TO_SPARE):
        cases = store.page(indexes.CASES_OPEN, limit=_CASES_AT_ONCE, after=note["after"], newest_first=False)
        for case in cases.records:
            renew_case(store, case.group)
        note = note | {"after": cases.after, "done": not cases.after}
        notes.save(kinds.EXPIRY_NOTES, _ROUND_NOTE, note)
    return bool(note["done"])


def _clock_is_settled(runtime: Runtime) -> bool:
    now, notes = runtime.now(), runtime.ledger.notes
    note = notes.get(kinds.EXPIRY_NOTES, _CLOCK_NOTE)
    if not note or not within_last(STEP, datetime.fromisoformat(note["at"]), now):
        note = {"at": now.isoformat(), "since": now.isoformat()}
        notes.save(kinds.EXPIRY_NOTES, _CLOCK_NOTE, note)
    elif not within_last(_SAVED_EVERY, datetime.fromisoformat(note["at"]), now):
        note = note | {"at": now.isoformat()}
        notes.save(kinds.EXPIRY_NOTES, _CLOCK_NOTE, note)
    return now - datetime.fromisoformat(note["since"]) >= SETTLED
