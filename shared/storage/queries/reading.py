"""Reads a bounded number of documents for one page of a list.

DynamoDB answers with at most 100 documents at once, so a page is read in steps. Each step costs two requests:
one for the places in the index, and one for the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.storage.indexes import entries
from shared.storage.ports import MOST_ON_A_PAGE, Key, Record, Store

T = TypeVar("T")

STEP = MOST_ON_A_PAGE  # documents of one step
MAX_STEPS = 3  # of one page
MAX_JOINED = 200  # documents that are read for the rows of one page; two requests


@dataclass(frozen=True)
class Span:
    """A part of an index: which one, and between which positions."""

    index: str
    since: str = ""
    until: str = ""
    newest_first: bool = True


def rows(
    store: Store,
    kind: str,
    span: Span,
    row_of: Callable[[Record], T | None],
    *,
    limit: int,
    after: str = "",
    filtered: bool = False,
    steps: int = MAX_STEPS,
) -> tuple[list[T], str]:
    """The rows of one page, and the position after which the next page begins; empty at the end.

    `row_of` returns None for a document that does not belong to the list. `filtered`: it may do so often, so
    each step reads as much as it can. After `steps` steps the page ends, even if it is not full.
    """
    found: list[T] = []
    for _ in range(steps):
        page = store.page(
            span.index,
            limit=STEP if filtered else min(limit - len(found), STEP),
            after=after,
            newest_first=span.newest_first,
            since=span.since,
            until=span.until,
        )
        for number, record in enumerate(page.records, 1):
            row = row_of(record)
            if row is None:
                continue
            found.append(row)
            if len(found) == limit:
                is_last = number == len(page.records)
                return found, page.after if is_last else position_in(span.index, kind, record)
        after = page.after
        if not after:
            break
    return found, after


def position_in(index: str, kind: str, record: Record) -> str:
    """Where the index has this document."""
    places = entries(kind, record.group, record.name, record.body)
    return next(place.position for place in places if place.index == index)


def joined(store: Store, keys: Iterable[Key]) -> dict[Key, Record]:
    """The documents with these keys, each read once. Only the first MAX_JOINED are read."""
    wanted: Sequence[Key] = list(dict.fromkeys(keys))[:MAX_JOINED]
    return store.read_many(wanted) if wanted else {}
