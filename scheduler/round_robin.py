"""Long work on many things in a short time: each run begins where the one before ran out of time.

So neither a thing that hangs nor the number of things before it keeps the later ones waiting for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from shared.failures import attempt_each
from shared.http.deadlines import DeadlineExceeded, afresh
from shared.storage import kinds
from shared.storage.ledger.notes import Notes

T = TypeVar("T")
# Seconds for writing down where a run stopped.
_NOTE_BUDGET = 2.0


def round_robin(
    notes: Notes, work: str, things: Collection[T], act: Callable[[T], object], name: Callable[[T], str]
) -> None:
    """As `attempt_each`, in the order of the names. `work` names the stored place at which a run stopped."""
    if len(things) < 2:
        attempt_each(things, act, name)
        return
    after = str(notes.get(kinds.TURN_NOTES, work).get("after", ""))
    ordered = sorted(things, key=lambda thing: (name(thing) <= after, name(thing)))
    current = ""

    def begin(thing: T) -> None:
        nonlocal current
        if not current:
            # Written before the first thing, because a thing that hangs for good never returns.
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
