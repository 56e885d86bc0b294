"""A runtime for one request that only reads: it asks the store for each document once.

A page and its frame need the same documents and the same indexes, and on AWS each question is a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from shared.hosting.runtime import Runtime
from shared.storage import indexes
from shared.storage.ports import MOST_ON_A_PAGE, Key, Page, Place, Places, Record, Store, on_a_page


def reading_once(runtime: Runtime, along: Sequence[Key] = ()) -> Runtime:
    """For the time of one request, since it does not see what others write meanwhile. `along`: documents that
    will be needed, which are read with others as soon as they cost no request of their own."""
    return replace(runtime, store=cast("Store", ReadOnce(runtime.store, along)))


def read_along(runtime: Runtime, keys: Sequence[Key]) -> None:
    """Have these documents, which will be needed, read with the next ones."""
    store: Any = runtime.store
    if isinstance(store, ReadOnce):
        store.along += keys


class ReadOnce:
    """A store that keeps what it has read."""

    def __init__(self, store: Store, along: Sequence[Key] = ()) -> None:
        self._store, self.along = store, list(along)
        self._kept: dict[Key, Record | None] = {}
        self._places: Places | None = None

    def get(self, kind: str, group: str, name: str) -> Record | None:
        key = kind, group, name
        if key not in self._kept and self.along:
            self.read_many([key])
        elif key not in self._kept:
            self._kept[key] = self._store.get(*key)
        return self._kept[key]

    def read_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        missing = list(dict.fromkeys(key for key in keys if key not in self._kept))
        if missing:
            more = [key for key in dict.fromkeys(self.along) if key not in {*missing, *self._kept}]
            room = -len(missing) % MOST_ON_A_PAGE  # in the last request
            missing, self.along = missing + more[:room], more[room:]
            read = self._store.read_many(missing)
            self._kept |= {key: read.get(key) for key in missing}
        found = ((key, self._kept[key]) for key in keys)
        return {key: record for key, record in found if record}

    def attention(self, *, most: int = 10_000) -> Places:
        if self._places is None:
            self._places = self._store.attention(most=most)
        return self._places

    def positions(
        self,
        index: str,
        *,
        since: str = "",
        until: str = "",
        most: int = 10_000,
        newest_first: bool = False,
    ) -> tuple[str, ...]:
        """From the places of `attention`, since more than one of its indexes will be needed."""
        if index not in indexes.ATTENTION or not self.attention().complete:
            return self._store.positions(
                index, since=since, until=until, most=most, newest_first=newest_first
            )
        places = self._between(index, since, until, newest_first)
        return tuple(place.position for place in places[:most])

    def page(
        self,
        index: str,
        *,
        limit: int,
        after: str = "",
        newest_first: bool = True,
        since: str = "",
        until: str = "",
    ) -> Page:
        """From the places of `attention`, if these were read."""
        if index not in indexes.ATTENTION or self._places is None or not self._places.complete:
            return self._store.page(
                index, limit=limit, after=after, newest_first=newest_first, since=since, until=until
            )
        places = self._between(index, since, until, newest_first)
        if after:
            places = [
                place
                for place in places
                if (place.position < after if newest_first else place.position > after)
            ]
        shown = places[: on_a_page(limit)]
        read = self.read_many([place.key for place in shown])
        records = (read.get(place.key) for place in shown)
        return Page(
            tuple(
                record
                for place, record in zip(shown, records, strict=True)
                if record and _is_at(index, place.position, place.key, record)
            ),
            shown[-1].position if len(places) > len(shown) else "",
        )

    def _between(self, index: str, since: str, until: str, newest_first: bool) -> list[Place]:
        places = [
            place
            for place in self.attention().of[index]
            if since <= place.position and (not until or place.position < until)
        ]
        return places[::-1] if newest_first else places

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _is_at(index: str, position: str, key: Key, record: Record) -> bool:
    """Whether the document still has this entry."""
    entries = indexes.entries(*key, record.body)
    return any(entry.index == index and entry.position == position for entry in entries)
