"""Long work on many things in a short time: each look begins where the one before ran out of time.

So that neither one that hangs nor the number of those before it keeps the later ones from their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from shared.failures import attempt_each
from shared.http.deadlines import DeadlineExceeded, afresh
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger

T = TypeVar("T")
# Seconds for writing down where a look stopped.
_NOTE_BUDGET = 2.0


def round_robin(
    ledger: Ledger, work: str, things: Collection[T], act: Callable[[T], object], named: Callable[[T], str]
) -> None:
    """As `each`. `work` names the place that is kept; names are its order."""
    if len(things) < 2:
        attempt_each(things, act, named)
        return
    after = str(ledger.notes.get(kinds.TURN_NOTES, work).get("after", ""))
    ordered = sorted(things, key=lambda thing: (named(thing) <= after, named(thing)))
    begun = ""

    def begin(thing: T) -> None:
        nonlocal begun
        if not begun:
            # Now, since one that hangs for good is never heard of again.
            ledger.notes.save(kinds.TURN_NOTES, work, {"after": named(thing)})
        begun = named(thing)
        act(thing)

    try:
        attempt_each(ordered, begin, named)
    except DeadlineExceeded:
        if begun:
            with afresh(_NOTE_BUDGET):
                ledger.notes.save(kinds.TURN_NOTES, work, {"after": begun})
        raise
