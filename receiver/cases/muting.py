"""Adds a mute, and ends one before its time, for the console, the commands and Slack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.models.codec import dump, dump_short
from shared.models.event_kinds import ALARM_KINDS, MUTED
from shared.models.mute_events import mute_event
from shared.models.mutes import Mute, why_refused
from shared.models.people import Person
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import audit
from shared.storage.ledger.mutes import MuteRefused, Mutes
from shared.storage.ports import Store
from shared.text import one_line

MAX_NAME, MAX_WHY = 80, 300  # characters


@dataclass(eq=False, repr=False)
class Muting:
    mutes: Mutes
    store: Store
    events: Queue
    now: Callable[[], datetime]

    def add(self, mute: Mute, enough: Callable[[Mute], bool] = lambda known: False) -> Mute:
        """Store the mute, and tell of it where events of the kind `muted` go. A mute with its id that is
        stored already stays as it is and is returned, so a repeat changes nothing. So is another one that
        makes it needless, as `enough` says. Raises MuteRefused."""
        if refused := why_refused(mute, ALARM_KINDS):
            raise MuteRefused(refused)
        others = (known for known in self.mutes.stored() if known.id != mute.id)
        if other := next(filter(enough, others), None):
            return other
        self.mutes.require_room(mute)
        # The message about the mute is queued before the mute is stored. So after a crash every stored mute
        # has a message.
        event = mute_event(MUTED, mute, mute.at)
        self.events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
        added = self.mutes.add(mute, enough)
        entry = audit.Entry(
            added.at, audit.MUTE_ADD, added.by, added.origin, f"mute {added.id}", {}, _told(added)
        )
        audit.record(self.store, entry, f"{audit.MUTE_ADD} mute {added.id}")
        return added

    def end(self, id: str, person: Person, why: str = "") -> Mute:
        """Remove a stored mute, and return it as it was. Raises MuteRefused if there is none with this id, or
        if nobody is named."""
        by = one_line(person.name, MAX_NAME)
        if not by:
            raise MuteRefused("the name is missing: say who ends the mute")
        ended = self.mutes.end(id)
        reason = {"why": one_line(why, MAX_WHY)} if one_line(why) else {}
        after = {"ended_by": by, **reason}
        entry = audit.Entry(self.now(), audit.MUTE_END, by, person.origin, f"mute {id}", _told(ended), after)
        audit.record(self.store, entry, f"{audit.MUTE_END} mute {id}")
        return ended


def _told(mute: Mute) -> dict[str, Any]:
    """What the audit log keeps of a mute."""
    kept = {key: value for key, value in dump_short(mute).items() if key not in ("id", "match", "origin")}
    return kept | {"match": mute.match.words}
