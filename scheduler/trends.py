"""Counts the events of each ISO week, for the trends.

The index of events is read from the place up to which the present week was counted. Counts and place are one
document, which is written only if nobody else has written it meanwhile. So each event counts once, even if
two runs overlap or a run is killed. Events of the last minute are left to the next run, since some of them
may still be on their way into the store.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from scheduler.index_old_documents import are_indexed
from shared.hosting.runtime import Runtime
from shared.models.codec import load
from shared.models.event_kinds import OWN_KINDS
from shared.models.events import RoutedEvent
from shared.models.weeks import begin_of, end_of, week_of
from shared.storage import indexes, kinds
from shared.storage.ledger.weeks import WeekCounts
from shared.storage.ports import MOST_ON_A_PAGE, Page, Store
from shared.storage.queries.reading import position_in

log = logging.getLogger(__name__)

_SETTLED_AFTER = timedelta(minutes=1)
_PAGES = 20  # of one run
_MAX_NAMES = 500  # kinds or techniques of one week; what is counted beyond them is counted as OTHER
OTHER = "other"
_NOTE = "week"


def count_events(runtime: Runtime) -> None:
    """Count what came since the last run, or as much of it as one run may read."""
    ledger, store = runtime.ledger, runtime.store
    if not are_indexed(ledger):
        return  # events of an earlier version would enter the index behind the place that is counted
    settled = runtime.now() - _SETTLED_AFTER
    week = ledger.notes.get(kinds.TREND_NOTES, _NOTE).get("week") or _first_week(
        store, since="", until=settled
    )
    for _ in range(_PAGES):
        if not week:
            return
        counts, version = ledger.weeks.get(week)
        until = min(settled, end_of(week))
        page = store.page(
            indexes.EVENTS,
            limit=MOST_ON_A_PAGE,
            after=counts.counted_to,
            newest_first=False,
            since=indexes.at(begin_of(week)),
            until=indexes.at(until),
        )
        if page.records or page.after:
            counted = _with(counts, page)
            if not ledger.weeks.save(week, counted, version):
                return  # another run counts at this moment
        if page.after:
            continue
        if end_of(week) > settled:
            return
        week = _first_week(store, since=indexes.at(end_of(week)), until=settled)
        if week:
            ledger.notes.save(kinds.TREND_NOTES, _NOTE, {"week": week})


def _first_week(store: Store, *, since: str, until: datetime) -> str:
    """The week of the first event from `since` on; empty if there is none before `until`."""
    places = store.positions(indexes.EVENTS, since=since, until=indexes.at(until), most=1)
    return next((week_of(datetime.fromisoformat(place.partition("#")[0])) for place in places), "")


def _with(counts: WeekCounts, page: Page) -> WeekCounts:
    """The counts with these events, and the place up to which the index was read."""
    counted_to = page.after or position_in(indexes.EVENTS, kinds.EVENT, page.records[-1])
    severities, of_kind = Counter(counts.severities), Counter(counts.kinds)
    techniques = Counter(counts.techniques)
    for record in page.records:
        event = load(RoutedEvent, record.body)
        severities[event.severity.value] += 1
        of_kind[event.kind] += 1
        # What another message has said already is not counted again.
        if not event.merged_into and event.kind not in OWN_KINDS:
            techniques.update(event.facts.techniques)
    return WeekCounts(severities, _bounded(of_kind), _bounded(techniques), counted_to)


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent, and the sum of the others."""
    ordered = Counter(counts).most_common()
    kept, others = dict(ordered[:_MAX_NAMES]), ordered[_MAX_NAMES:]
    if others:
        kept[OTHER] = kept.get(OTHER, 0) + sum(count for _, count in others)
    return kept
