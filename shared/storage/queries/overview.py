"""How everything is, at one moment, with five requests to DynamoDB, and one more for each MB of places.

Three rounds: documents whose keys are known, then the places in the indexes, then the documents that these
name. So this reads no index that it could do without, and no document twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.models.cases import Case
from shared.models.codec import load
from shared.models.coverage import Listing
from shared.models.deliveries import Delivery
from shared.models.hunts import COVERAGE_DAYS, Hunt, hunt_name
from shared.models.severity import Severity
from shared.models.weeks import last_weeks
from shared.storage import indexes, kinds
from shared.storage.ledger.coverage import LISTING
from shared.storage.ledger.day_counts import DAY_COUNTS, DayCounts, day_counts
from shared.storage.ledger.refusals import REFUSED, Refused, in_a_day
from shared.storage.ports import Key, Record, Store
from shared.storage.queries.attention import read_attention
from shared.storage.queries.cases import CaseCounts, CaseRow, case_row, counts_of
from shared.storage.queries.coverage import CoverageSummary, summary_of
from shared.storage.queries.event_rows import EventRow, event_key, event_row
from shared.storage.queries.pulse import NAMES, WEBHOOK, delivered_key, job_key
from shared.storage.queries.trends import WeekTrend, week_trend

WEEKS = 12
CASES = 10  # the worst ones
NOT_TAKEN = 5  # malicious cases, the oldest
_SYSTEMS = 10_000


@dataclass(frozen=True)
class DestinationState:
    """Whether a destination gets its messages."""

    name: str
    last_delivered_at: datetime | None = None
    waiting: int = 0  # tried again after a failed attempt
    dead: int = 0
    failing_since: datetime | None = None  # of the oldest delivery that waits after a failed attempt
    reason: str = ""  # why the newest failed attempt failed
    delivered_in_a_day: int = 0  # messages in 24 hours, as it was some minutes ago


@dataclass(frozen=True)
class Overview:
    """The figures of the overview, as they were read from the store at `at`."""

    at: datetime
    counts: CaseCounts
    cases: tuple[CaseRow, ...]  # the worst ones that are not closed, without references
    not_taken: tuple[CaseRow, ...]  # malicious cases that are not acknowledged, oldest first
    destinations: Mapping[str, DestinationState]
    runs: tuple[Hunt, ...]  # the last run of each hunt that had its turn, the newest first
    jobs: Mapping[str, Mapping[str, Any]]  # the notes about jobs of the timer that fail
    webhook: Mapping[str, Any]  # the note about the platform's webhooks; empty if they were not checked
    last_event: EventRow | None
    coverage: CoverageSummary
    weeks: tuple[WeekTrend, ...]  # oldest first
    refused: tuple[Refused, ...] = ()  # webhooks of the last 24 hours, the newest first
    day: DayCounts | None = None  # None: nobody has counted yet
    hunts_running: int = 0  # those that are planned or running


class OverviewQuery:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def __call__(self, destinations: Iterable[str], hunts: Iterable[str], jobs: Iterable[str]) -> Overview:
        """`hunts` and `jobs`: the names of the hunts and of the timer's jobs. Of destinations and hunts, only
        the first 40 are looked at."""
        now, store = self._now(), self._store
        names, weeks = list(destinations)[:NAMES], last_weeks(now, WEEKS)
        notes = {name: job_key(name) for name in jobs}
        turns = [(kinds.TURN, "", name) for name in list(hunts)[:NAMES]]
        delivered = {name: delivered_key(name) for name in names}
        counted = {week: (kinds.WEEK, "", week) for week in weeks}
        keys = [
            LISTING,
            REFUSED,
            DAY_COUNTS,
            WEBHOOK,
            *notes.values(),
            *turns,
            *delivered.values(),
            *counted.values(),
        ]
        first = store.read_many(keys)
        day = day_counts(first.get(DAY_COUNTS))

        noticed = read_attention(store)
        open, taken = noticed.open, noticed.acknowledged
        waiting, dead = noticed.waiting, noticed.dead
        systems = store.positions(indexes.SYSTEMS, most=_SYSTEMS)
        events = store.positions(indexes.EVENTS, newest_first=True, most=1)

        malicious = f"{indexes.severity_digit(Severity.MALICIOUS)}#"
        not_taken = [
            place.key
            for place in open
            if place.position.startswith(malicious) and place.position not in taken
        ][:NOT_TAKEN]
        worst = [place.key for place in open[:CASES]]
        newest = {name: waiting[name][-1].place.key for name in names if waiting.get(name)}
        runs = [str(first[turn].body["hunt_id"]) for turn in turns if turn in first]
        wanted: list[Key] = [
            *worst,
            *not_taken,
            *newest.values(),
            *((kinds.HUNT, hunt_name(run), run) for run in runs),
            *(event_key(place.partition("#")[2]) for place in events),
        ]
        read = store.read_many(list(dict.fromkeys(wanted))) if wanted else {}
        return Overview(
            at=now,
            counts=counts_of((place.position for place in open), taken, now),
            cases=_cases(worst, read),
            not_taken=_cases(not_taken, read),
            destinations={
                name: DestinationState(
                    name,
                    last_delivered_at=_moment(first.get(delivered[name])),
                    waiting=len(waiting.get(name, ())),
                    dead=len(dead.get(name, ())),
                    failing_since=waiting[name][0].at if waiting.get(name) else None,
                    reason=_reason(read.get(newest[name])) if name in newest else "",
                    delivered_in_a_day=day.delivered.get(name, 0) if day else 0,
                )
                for name in names
            },
            runs=_runs(runs, read),
            jobs={name: first[key].body for name, key in notes.items() if key in first},
            webhook=first[WEBHOOK].body if WEBHOOK in first else {},
            last_event=_last_event(events, read),
            coverage=_coverage(first.get(LISTING), systems, now),
            weeks=tuple(week_trend(week, first.get(key)) for week, key in counted.items()),
            refused=in_a_day(first.get(REFUSED), now),
            day=day,
            hunts_running=len(noticed.hunts),
        )


def _cases(keys: Iterable[Key], read: Mapping[Key, Record]) -> tuple[CaseRow, ...]:
    found = (read.get(key) for key in keys)
    return tuple(case_row(record.group, load(Case, record.body), {}) for record in found if record)


def _moment(note: Record | None) -> datetime | None:
    return datetime.fromisoformat(note.body["at"]) if note else None


def _reason(delivery: Record | None) -> str:
    return load(Delivery, delivery.body).reason if delivery else ""


def _runs(ids: Iterable[str], read: Mapping[Key, Record]) -> tuple[Hunt, ...]:
    found = (read.get((kinds.HUNT, hunt_name(id), id)) for id in ids)
    hunts = [load(Hunt, record.body) for record in found if record]
    return tuple(sorted(hunts, key=lambda hunt: hunt.scheduled_at, reverse=True))


def _last_event(positions: Sequence[str], read: Mapping[Key, Record]) -> EventRow | None:
    record = read.get(event_key(positions[-1].partition("#")[2])) if positions else None
    return event_row(record) if record else None


def _coverage(record: Record | None, systems: Sequence[str], now: datetime) -> CoverageSummary:
    since = indexes.at(now - timedelta(days=COVERAGE_DAYS))
    captured = sum(position >= since for position in systems)
    return summary_of(load(Listing, record.body) if record else None, captured, len(systems))
