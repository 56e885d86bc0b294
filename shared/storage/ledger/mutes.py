"""The stored mutes. One document holds all of them, and only decisions of people write it. How often each was
hit is counted in a document of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from shared.models.codec import dump, load
from shared.models.mutes import Mute
from shared.storage import kinds
from shared.storage.ledger.hit_counts import HitCounts, Hits
from shared.storage.ports import Body, Store
from shared.text import one_line

MOST = 200


class MuteRefused(Exception):
    """A mute cannot be stored or ended. The text says why."""


class Mutes:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._hits = HitCounts(store, kinds.MUTE_HIT_NOTES, now)

    def stored(self) -> list[Mute]:
        """All that were not ended by a person. Some may be past their end: see `Mute.in_force`."""
        record = self._store.get(kinds.MUTES, "", "-")
        return _mutes(record.body if record else None)

    def require_room(self, mute: Mute) -> None:
        """Raises MuteRefused if `add` would."""
        record = self._store.get(kinds.MUTES, "", "-")
        _require_room(_living(record.body if record else None, self._now()), mute)

    def add(self, mute: Mute, enough: Callable[[Mute], bool] = lambda known: False) -> Mute:
        """Store a mute and drop those that are over. A mute with this id stays as it is, so a repeat changes
        nothing. `enough`: whether a stored mute makes this one needless. Returns the mute that is stored.
        Raises MuteRefused if there are too many."""
        now = self._now()

        def add(body: Body | None) -> tuple[Body | None, Mute]:
            living = _living(body, now)
            if same := next((known for known in living if known.id == mute.id or enough(known)), None):
                return None, same
            _require_room(living, mute)
            return _body([*living, mute]), mute

        return self._store.update(kinds.MUTES, "", "-", add)

    def end(self, id: str) -> Mute:
        """Remove a mute, and return it as it was. Raises MuteRefused if there is none with this id."""

        def end(body: Body | None) -> tuple[Body | None, Mute | None]:
            known = _mutes(body)
            ended = next((mute for mute in known if mute.id == id), None)
            return (_body([mute for mute in known if mute.id != id]) if ended else None), ended

        ended = self._store.update(kinds.MUTES, "", "-", end)
        if ended is None:
            raise MuteRefused(f"there is no stored mute {one_line(id, 100)}")
        return ended

    def hit(self, id: str, event_id: str) -> None:
        """Count an event that a mute covered. The same event counts once."""
        self._hits.add(id, event_id)

    def hits(self, id: str) -> Hits:
        return self.hits_of([id])[id]

    def hits_of(self, ids: Iterable[str]) -> dict[str, Hits]:
        """The counters of all these mutes, with one read of the store."""
        return self._hits.of(ids)


def _mutes(body: Body | None) -> list[Mute]:
    return [load(Mute, mute) for mute in body["mutes"]] if body else []


def _living(body: Body | None, now: datetime) -> list[Mute]:
    return [mute for mute in _mutes(body) if mute.until > now]


def _require_room(living: list[Mute], mute: Mute) -> None:
    if len(living) >= MOST and mute.id not in [known.id for known in living]:
        raise MuteRefused(f"there are {MOST} mutes, which is the most: end some that are not needed")


def _body(mutes: list[Mute]) -> Body:
    return {"mutes": [dump(mute) for mute in mutes]}
