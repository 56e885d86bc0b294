"""Ends a known-good entry before its time, for the console and the commands."""

from __future__ import annotations

from datetime import datetime

from shared.models.known_good import Entry
from shared.models.people import Person
from shared.storage import audit
from shared.storage.ledger.known_good import KnownGood
from shared.storage.ports import Store
from shared.text import one_line

_MAX_NAME, _MAX_WHY = 80, 500  # characters


class NotEnded(ValueError):
    """The entry cannot be ended. The text is a sentence without a full stop that says why."""


def end(entries: KnownGood, store: Store, now: datetime, id: str, person: Person, why: str = "") -> Entry:
    """The entry, which covers nothing from now on: what it named is told when it is found again. The same
    person may end it again, which changes nothing. Raises NotEnded."""
    by = one_line(person.name, _MAX_NAME)
    if not by:
        raise NotEnded("the name is missing: say who ends the entry")
    entry = entries.get(id)
    if entry is None:
        raise NotEnded(f"there is no known-good entry {one_line(id, 100)!r}")
    if entry.ended_at is None and not entry.is_live(now):
        raise NotEnded(f"the known-good entry {entry.id} ended on {entry.until:%Y-%m-%d} by itself")
    after = entries.end(entry, by)
    if after.ended_at is None or after.ended_by != by:
        raise NotEnded(f"{after.ended_by or 'somebody'} has ended the known-good entry {entry.id} already")
    # The entry of the log has the time of the end, so a repeat after a crash adds nothing.
    before = {"known_good": entry.id, "where": entry.where, "until": entry.until.isoformat(), "of": entry.by}
    reason = {"why": one_line(why, _MAX_WHY)} if one_line(why) else {}
    record = audit.Entry(
        after.ended_at,
        audit.KNOWN_GOOD_END,
        by,
        person.origin,
        entry.case or entry.id,
        before,
        {"until": after.ended_at.isoformat()} | reason,
    )
    audit.record(store, record, f"{audit.KNOWN_GOOD_END} {entry.id}")
    return after
