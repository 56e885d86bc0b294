"""The record of known-good entries. Only people's decisions write it; alarms only read it.

The entries of one system share a document, and so do all entries with a wider scope. A change of an entry is
one conditional write. How often an entry was hit is counted in a document of its own (`hit_counts.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.models.codec import dump, load
from shared.models.known_good import Entry
from shared.models.known_good_terms import Scope
from shared.storage import indexes, kinds
from shared.storage.ledger.hit_counts import HitCounts, Hits
from shared.storage.ports import Body, Store

WIDE = "wide"  # the group of the entries that are not for a single system
MOST_ENTRIES = 300  # that are live in one group
_ENDED_KEPT = timedelta(days=30)  # so that their page can still be shown


class TooManyEntries(Exception):
    """No entry can be added. The text is a sentence without a full stop that says what to do."""


class KnownGood:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._hits = HitCounts(store, kinds.KNOWN_GOOD_HIT_NOTES, now)

    def naming(self, instance: str) -> tuple[Entry, ...]:
        """The entries that may cover a finding on this system, and those that ended not long ago."""
        keys = [(kinds.KNOWN_GOOD, group, "-") for group in (instance, WIDE)]
        found = self._store.read_many(keys)
        return tuple(entry for key in keys if key in found for entry in entries_of(found[key].body))

    def get(self, id: str) -> Entry | None:
        """The entry with this id. If it was moved to another scope, the one that has not ended."""
        found = self.all_of(id)
        return next((entry for entry in found if entry.ended_at is None), found[0] if found else None)

    def all_of(self, id: str) -> tuple[Entry, ...]:
        """The entries with this id: two if the entry was moved between a system and a wider scope."""
        page = self._store.page(f"{indexes.KNOWN_GOOD_BY_ID}{id}", limit=2)
        found = (entry for record in page.records for entry in entries_of(record.body))
        return tuple(entry for entry in found if entry.id == id)

    def add(self, entry: Entry) -> Entry:
        """The entry with this id, which is added unless there is one. Raises TooManyEntries."""
        now = self._now()

        def added(body: Body | None) -> tuple[Body | None, Entry]:
            entries = entries_of(body)
            if known := next((each for each in entries if each.id == entry.id), None):
                return None, known
            _require_room(entry, entries, now)
            return _body((*_kept(entries, now), entry)), entry

        return self._store.update(kinds.KNOWN_GOOD, group_of(entry), "-", added)

    def replace(self, entry: Entry, *, moved: bool) -> None:
        """Put this entry in the place of the one with its id, or add it if there is none. One that has ended
        stays as it is, unless the entry was `moved` here from another scope. Raises TooManyEntries."""
        now = self._now()

        def replaced(body: Body | None) -> tuple[Body | None, None]:
            entries = entries_of(body)
            known = next((each for each in entries if each.id == entry.id), None)
            if known is None:
                _require_room(entry, entries, now)
                return _body((*_kept(entries, now), entry)), None
            if known.ended_at is not None and not moved:
                return None, None
            return _body(entry if each is known else each for each in entries), None

        self._store.update(kinds.KNOWN_GOOD, group_of(entry), "-", replaced)

    def require_room(self, entry: Entry) -> None:
        """Raises TooManyEntries if `add` would."""
        record = self._store.get(kinds.KNOWN_GOOD, group_of(entry), "-")
        _require_room(entry, entries_of(record.body if record else None), self._now())

    def end(self, entry: Entry, by: str) -> Entry:
        """The entry, which covers nothing from now on. An entry that has ended stays as it is."""
        now = self._now()

        def ended(body: Body | None) -> tuple[Body | None, Entry]:
            entries = entries_of(body)
            known = next((each for each in entries if each.id == entry.id), entry)
            if not known.is_live(now) or known not in entries:
                return None, known
            after = replace(known, ended_by=by, ended_at=now)
            return _body(after if each is known else each for each in entries), after

        return self._store.update(kinds.KNOWN_GOOD, group_of(entry), "-", ended)

    def hit(self, id: str, event_id: str) -> None:
        """Count an event of which the entry withheld a finding. The same event counts once."""
        self._hits.add(id, event_id)

    def hits(self, ids: Iterable[str]) -> dict[str, Hits]:
        """How many events each of these entries has covered, with one read of the store."""
        return self._hits.of(ids)


def _require_room(entry: Entry, entries: Iterable[Entry], now: datetime) -> None:
    if sum(each.is_live(now) for each in entries) >= MOST_ENTRIES:
        raise TooManyEntries(
            f"there are {MOST_ENTRIES} known-good entries {entry.where} already; end some of them first"
        )


def group_of(entry: Entry) -> str:
    return entry.system if entry.scope is Scope.SYSTEM else WIDE


def entries_of(body: Body | None) -> tuple[Entry, ...]:
    """The entries of one document."""
    return tuple(load(Entry, each) for each in body["entries"]) if body else ()


def _body(entries: Iterable[Entry]) -> Body:
    return {"entries": [dump(entry) for entry in entries]}


def _kept(entries: Iterable[Entry], now: datetime) -> Iterable[Entry]:
    return (entry for entry in entries if min(entry.ended_at or entry.until, entry.until) > now - _ENDED_KEPT)
