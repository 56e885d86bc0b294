"""The audit log, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.models.codec import load
from shared.storage import kinds
from shared.storage.audit import Entry
from shared.storage.ports import Store
from shared.storage.queries.pages import BadToken, Rows, bounded, position, token

_MONTHS = 24  # that the log is read back
_MONTHS_AT_ONCE = 4  # that one page looks into; each costs a request
_QUESTION = {"list": "audit"}


class AuditQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def newest(self, limit: int = 50, page: str = "") -> Rows[Entry]:
        """The entries of the last two years, newest first. A page may have fewer rows than asked for, or
        none, and still have a next one."""
        limit, this_month = bounded(limit), _first_day(self._now())
        month, after = this_month, ""
        if where := position(_QUESTION, page):
            month, after = _parsed(where)
        oldest = this_month - timedelta(days=31 * _MONTHS)
        rows: list[Entry] = []
        for _ in range(_MONTHS_AT_ONCE):
            if month < oldest:
                return Rows(tuple(rows))
            found = self._store.page_of_group(
                kinds.AUDIT, f"{month:%Y-%m}", limit=limit - len(rows), after=after, newest_first=True
            )
            rows += (load(Entry, record.body) for record in found.records)
            after = found.after
            if not after:
                month = _first_day(month - timedelta(days=1))
            if len(rows) >= limit:
                break
        return Rows(tuple(rows), token(_QUESTION, f"{month:%Y-%m}|{after}"))


def _first_day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _parsed(where: str) -> tuple[datetime, str]:
    month, _, after = where.partition("|")
    try:
        return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC), after
    except ValueError:
        raise BadToken("this page's token cannot be read") from None
