"""Documents that an earlier version stored without entries are indexed by the timer, once and for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scheduler import index_old_documents as job
from scheduler.index_old_documents import BETWEEN, index_old_documents
from shared.hosting.runtime import Runtime
from shared.http.deadlines import within
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.hunts import Hunt
from shared.storage import indexes, kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Page, Record, Store
from tests.shared.sides.conftest import Side

SUNDAY = datetime(2026, 11, 22, 2, tzinfo=UTC)
NOTE = (kinds.NOTE, kinds.INDEX_NOTES, "documents")


class Timer:
    """A runtime with a clock that may be set."""

    def __init__(self, side: Side) -> None:
        self.time = SUNDAY
        self.ledger = Ledger(side.store, self.now)
        self.runtime = cast(Runtime, SimpleNamespace(store=side.store, ledger=self.ledger, now=self.now))

    def now(self) -> datetime:
        return self.time

    def run(self, seconds: float = 60) -> None:
        with within(seconds):
            index_old_documents(self.runtime)


@pytest.fixture
def timer(side: Side) -> Timer:
    return Timer(side)


@pytest.fixture
def store(side: Side) -> Store:
    return side.store


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_ON_A_PAGE", 5)


@pytest.fixture
def earlier_version(timer: Timer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call it to store documents as a version without indexes did."""

    def write(*numbers: int) -> None:
        with monkeypatch.context() as earlier:
            for kind in indexes.INDEXED:
                earlier.delitem(indexes._FUNCTIONS, kind)
            for number in numbers:
                timer.ledger.hunts.open(Hunt("weekly", SUNDAY - timedelta(days=7 * number)))
                timer.ledger.deliveries.save(
                    Delivery(f"event-{number:02}", "soc", DeliveryState.UNSURE, attempts=1)
                )

    return write


def indexed(store: Store) -> dict[str, int]:
    names = (indexes.HUNTS, indexes.DELIVERIES_WAITING, f"{indexes.DELIVERIES_TO}soc")
    return {name: len(store.page(name, limit=100).records) for name in names}


def all_at(count: int) -> dict[str, int]:
    return {indexes.HUNTS: count, indexes.DELIVERIES_WAITING: count, f"{indexes.DELIVERIES_TO}soc": count}


def test_the_documents_of_an_earlier_version_are_indexed(store, timer, earlier_version, small_pages):
    earlier_version(*range(8))
    assert indexed(store) == all_at(0)
    timer.run()
    assert indexed(store) == all_at(8)
    page = store.page(indexes.HUNTS, limit=3)
    assert [record.name for record in page.records] == [
        "weekly@2026-11-22T02:00:00Z",
        "weekly@2026-11-15T02:00:00Z",
        "weekly@2026-11-08T02:00:00Z",
    ]


def test_there_is_a_second_pass_for_what_was_stored_during_the_deployment(store, timer, earlier_version):
    earlier_version(1)
    timer.run()
    earlier_version(2)
    timer.time += BETWEEN - timedelta(seconds=1)
    timer.run()
    assert indexed(store) == all_at(1)
    timer.time += timedelta(seconds=1)
    timer.run()
    assert indexed(store) == all_at(2)


def test_it_is_done_once_and_for_all(store, timer, earlier_version, monkeypatch):
    for _ in range(2):
        timer.run()
        timer.time += BETWEEN
    done = store.get(*NOTE)
    assert (done.body["passes"], done.body["kind"]) == (2, "")
    earlier_version(1)
    with monkeypatch.context() as patch:
        patch.setattr(store, "every", None)
        timer.run()
    assert store.get(*NOTE) == done
    monkeypatch.setattr(indexes, "VERSION", indexes.VERSION + 1)
    timer.run()
    assert indexed(store) == all_at(1)


def test_it_goes_on_where_it_was_killed(store, timer, earlier_version, small_pages, monkeypatch):
    """Each run dies at its second or third page, before or after the entries are written."""
    earlier_version(*range(8))
    every, reindex = store.every, store.reindex

    class Killed(BaseException):
        pass

    class Run:
        def __init__(self, number: int) -> None:
            self.number, self.reads = number, 0

        def every(self, kind: str, **how: Any) -> Page:
            self.reads += 1
            if self.reads == 2 + self.number % 2:
                raise Killed
            page: Page = every(kind, **how)
            return page

        def reindex(self, kind: str, records: Sequence[Record]) -> None:
            reindex(kind, records)
            if self.reads == 2:
                raise Killed

    killed = 0
    for number in range(200):
        run = Run(number)
        monkeypatch.setattr(store, "every", run.every)
        monkeypatch.setattr(store, "reindex", run.reindex)
        try:
            timer.run()
            break
        except Killed:
            killed += 1
    assert killed >= 5
    assert indexed(store) == all_at(8)


def test_a_run_ends_with_its_budget(store, timer, earlier_version):
    earlier_version(1)
    timer.run(seconds=job._TO_SPARE)
    assert store.get(*NOTE) is None
    assert indexed(store) == all_at(0)


def test_a_note_of_the_future_does_not_stop_it(store, timer, earlier_version):
    timer.time += timedelta(days=2_000)
    timer.run()
    timer.time = SUNDAY
    earlier_version(1)
    timer.run()
    assert indexed(store) == all_at(1)
