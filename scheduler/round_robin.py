"""Works through a list that may be too long for one run.

Each run starts after the entry at which the last run ran out of time. So every entry gets its turn, even if
one hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from shared.failures import attempt_each
from shared.http.deadlines import DeadlineExceeded, afresh
from shared.storage import kinds
from shared.storage.ledger.notes import Notes

T = TypeVar("T")
# Seconds for storing where a run stopped.
_NOTE_BUDGET = 2.0


def round_robin(
    notes: Notes, work: str, things: Collection[T], act: Callable[[T], object], name: Callable[[T], str]
) -> None:
    """As `attempt_each`, in the order of the names. `work`: the name of the note that stores where the last
    run stopped."""
    if len(things) < 2:
        attempt_each(things, act, name)
        return
    after = str(notes.get(kinds.TURN_NOTES, work).get("after", ""))
    ordered = sorted(things, key=lambda thing: (name(thing) <= after, name(thing)))
    current = ""

    def begin(thing: T) -> None:
        nonlocal current
        if not current:
            # Stored before the first entry is worked on: if this entry hangs for ever, the next run starts
            # after it.
            notes.save(kinds.TURN_NOTES, work, {"after": name(thing)})
        current = name(thing)
        act(thing)

    try:
        attempt_each(ordered, begin, name)
    except DeadlineExceeded:
        if current:
            with afresh(_NOTE_BUDGET):
                notes.save(kinds.TURN_NOTES, work, {"after": current})
        raise
