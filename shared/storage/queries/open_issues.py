"""Which references destinations hold of the cases that are not closed, such as the keys of Jira issues."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shared.storage import kinds
from shared.storage.ports import Key, Record, Store
from shared.storage.queries.case_filter import CaseFilter
from shared.storage.queries.pages import Rows, position, token
from shared.storage.queries.reading import MAX_JOINED, STEP, joined, rows


@dataclass(frozen=True)
class OpenIssue:
    """A case that is not closed, and what one destination holds of it."""

    case_key: str
    destination: str
    ref: str


class OpenIssueQueries:
    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, destinations: Collection[str], page: str = "") -> Rows[OpenIssue]:
        """What these destinations hold of the next hundred cases, worst first, and of equally bad ones the
        oldest first."""
        wanted = CaseFilter()
        (span,) = wanted.spans
        after = position(wanted.question, page)
        cases, after = rows(
            self._store, kinds.CASE_FILE, span, lambda record: record, limit=STEP, after=after, steps=1
        )
        found = tuple(
            OpenIssue(case_key, name, str(record.body["ref"]))
            for (_, case_key, name), record in self._references(cases, destinations).items()
            if record.body.get("ref")
        )
        return Rows(found, token(wanted.question, after))

    def _references(self, cases: Collection[Record], destinations: Collection[str]) -> dict[Key, Record]:
        keys = [
            (kinds.CASE, case.group, name)
            for case in cases
            for name in case.body.get("told", ())
            if name in destinations
        ]
        read: dict[Key, Record] = {}
        for start in range(0, len(keys), MAX_JOINED):
            read |= joined(self._store, keys[start : start + MAX_JOINED])
        return read
