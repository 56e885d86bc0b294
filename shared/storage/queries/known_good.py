"""Known-good entries, page by page: those that are live first.

The entries of one system share a document, so a page reads documents. Its token holds the place of a document
in the index, and how many of the next document's entries earlier pages have shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.models.known_good import Entry
from shared.storage import indexes, kinds
from shared.storage.ledger.known_good import KnownGood, entries_of
from shared.storage.ports import Store
from shared.storage.queries.pages import BadToken, Rows, bounded, position, token
from shared.storage.queries.reading import position_in

_QUESTION = {"list": "known good"}


@dataclass(frozen=True)
class KnownGoodRow:
    """One entry, as lists show it."""

    entry: Entry
    live: bool  # it covers findings at present
    hits: int  # how many events had a finding that it withheld
    last_hit: datetime | None


class KnownGoodQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._entries = KnownGood(store, now)

    def list(self, limit: int = 50, page: str = "") -> Rows[KnownGoodRow]:
        """The entries; on each page the live ones first, and of these the one that ends first. The systems
        whose entries have all ended are on the last pages."""
        now, limit = self._now(), bounded(limit)
        after, seen = _parsed(position(_QUESTION, page))
        found = self._store.page(indexes.KNOWN_GOOD_LAST, limit=limit, after=after)
        shown: list[Entry] = []
        following = ""
        for record in found.records:
            entries = sorted(entries_of(record.body), key=lambda entry: _order(entry, now))[seen:]
            room = limit - len(shown)
            shown += entries[:room]
            if len(entries) > room:
                following = f"{seen + room}|{after}"
                break
            seen, after = 0, position_in(indexes.KNOWN_GOOD_LAST, kinds.KNOWN_GOOD, record)
        else:
            following = f"0|{found.after}" if found.after else ""
        hits = self._entries.hits(entry.id for entry in shown)
        rows = (
            KnownGoodRow(entry, entry.is_live(now), hits[entry.id].count, hits[entry.id].last)
            for entry in sorted(shown, key=lambda entry: _order(entry, now))
        )
        return Rows(tuple(rows), token(_QUESTION, following))


def _order(entry: Entry, now: datetime) -> tuple[bool, datetime, str]:
    return not entry.is_live(now), entry.until, entry.id


def _parsed(where: str) -> tuple[str, int]:
    """The place of a document, and how many of the entries behind it are passed over."""
    if not where:
        return "", 0
    seen, separator, after = where.partition("|")
    if not separator or not (seen.isascii() and seen.isdecimal()):
        raise BadToken("this page's token cannot be read")
    return after, int(seen)
