"""The record of what EC2 lists: the last comparison of its machines with what the hunts select."""

from __future__ import annotations

from shared.models.codec import dump, load
from shared.models.coverage import Listing
from shared.storage import kinds
from shared.storage.ports import Store

LISTING = (kinds.NOTE, kinds.COVERAGE_NOTES, "listing")


class Listings:
    def __init__(self, store: Store) -> None:
        self._store = store

    def last(self) -> Listing | None:
        record = self._store.get(*LISTING)
        return load(Listing, record.body) if record else None

    def save(self, listing: Listing) -> None:
        self._store.put(*LISTING, dump(listing))
