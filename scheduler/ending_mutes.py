"""Tells of a mute a day before it ends, so that what it withheld surprises nobody."""

from __future__ import annotations

from datetime import timedelta

from scheduler.own_events import raise_event
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import MUTE_ENDING
from shared.models.mute_events import mark, mute_event
from shared.storage import kinds

AHEAD = timedelta(days=1)
_NOTE = "ending mutes"
_MOST_TOLD = 500  # ids that are kept, more than there can be mutes at once


def tell_ending_mutes(runtime: Runtime) -> None:
    """Raise an event for each mute, of the configuration or stored, that ends within a day.

    A mute that was made for a day or less ends without a word. When a mute until the next hunt ends is not
    known before its last day."""
    now, notes = runtime.now(), runtime.ledger.notes
    mutes = [*(section.mute() for section in runtime.config.mutes), *runtime.ledger.mutes.stored()]
    ending = [
        mute
        for mute in mutes
        if mute.in_force(now) and mute.until - now <= AHEAD and mute.until - mute.at > AHEAD
    ]
    if not ending:
        return
    told = notes.get(kinds.MUTE_NOTES, _NOTE).get("told", [])
    new = [mute for mute in ending if mark(mute) not in told]
    if not new:
        return
    for mute in new:
        # Raise before noting: a crash in between raises it again, and its id makes that harmless.
        hits = runtime.ledger.mutes.hits(mute.id).count
        raise_event(runtime.events, mute_event(MUTE_ENDING, mute, now, hits))
    notes.save(kinds.MUTE_NOTES, _NOTE, {"told": [*told, *map(mark, new)][-_MOST_TOLD:]})
