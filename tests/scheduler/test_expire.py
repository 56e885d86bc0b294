"""What has expired is deleted, and what open cases and hunts refer to stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from scheduler import expire as module
from scheduler.expire import expire
from shared.config.config import Config
from shared.config.keep import KeepConfig
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.hunts import Hunt, HuntState
from shared.secrets import Secrets
from shared.storage import indexes, kinds
from shared.storage.kinds import DEFAULT_DAYS

START = datetime(2026, 1, 5, 2, tzinfo=UTC)
OPEN, CLOSED = "project/1/i-1", "project/2/i-2"
HUNT = "weekly@2026-01-05T02:00:00Z"


class Stage:
    def __init__(self, path: Path, keep: dict[str, str] | None = None) -> None:
        self.moment, self.database = START, Database(path)
        platform = {"url": "https://cado.example", "api_key": "env:KEY"}
        config = Config.model_validate({"platform": platform, "keep": keep or {}})

        def seconds() -> float:
            return self.moment.timestamp()

        self.store = SqliteStore(self.database, seconds, config.keep.days)
        queue = SqliteQueue(self.database, "events", seconds)
        self.runtime = Runtime(
            config,
            self.store,
            queue,
            queue,
            queue,
            Secrets({}),
            now=lambda: self.moment,
            sleep=lambda _: None,
        )

    def case(self, key: str, *, closed: bool) -> None:
        """A case with one alarm of a hunt, told at one destination."""
        put, at = self.store.put, self.moment.isoformat()
        alarm = {"severity": "malicious"}
        body: dict[str, Any] = {"alarm": alarm, "opened_at": at, "closure": {"at": at} if closed else None}
        put(kinds.CASE_FILE, key, "-", body)
        put(kinds.CASE, key, "soc", {"ref": "1.2"})
        put(kinds.EVENT, f"event of {key}", "routed", {"at": at, "case": key, "facts": {"hunt_id": HUNT}})
        put(kinds.WHOLE_ALARM, f"event of {key}", "-", {})
        put(kinds.DELIVERY, f"event of {key}", "soc", {"state": "delivered", "first_at": at})
        put(kinds.ALARM, key, "-", {})

    def days(self, count: int) -> None:
        """Let the timer run every day."""
        for _ in range(count):
            self.moment += timedelta(days=1)
            expire(self.runtime)

    def stored(self) -> set[str]:
        rows = self.database.read("SELECT kind, \"group\" FROM documents WHERE kind<>'note'", ())
        return {f"{kind} {group}" for kind, group in rows}

    def entries(self) -> int:
        return int(self.database.read("SELECT count(*) FROM entries", ())[0][0])


@pytest.fixture
def stage(tmp_path) -> Iterator[Stage]:
    made = Stage(tmp_path / "huntbridge.db")
    yield made
    made.database.close()


def of(case: str) -> set[str]:
    """What is stored of a case, except what is kept for ever."""
    return {
        f"{kinds.CASE_FILE} {case}",
        f"{kinds.CASE} {case}",
        *(f"{kind} event of {case}" for kind in (kinds.EVENT, kinds.WHOLE_ALARM, kinds.DELIVERY)),
    }


def test_what_an_open_case_refers_to_outlives_what_is_closed(stage):
    stage.case(OPEN, closed=False)
    stage.case(CLOSED, closed=True)
    stage.store.put(kinds.HUNT, "weekly", HUNT, {"name": "weekly"})
    stage.store.put(kinds.HUNT, "other", "other@2026-01-05T02:00:00Z", {"name": "other"})
    stage.days(179)
    assert of(OPEN) | of(CLOSED) < stage.stored()
    stage.days(10)
    assert f"{kinds.DELIVERY} event of {CLOSED}" not in stage.stored()
    stage.days(300)
    for_ever = {f"{kinds.ALARM} {OPEN}", f"{kinds.ALARM} {CLOSED}"}
    assert stage.stored() == of(OPEN) | for_ever | {f"{kinds.HUNT} weekly"}
    assert [record.group for record in stage.store.page(indexes.EVENTS, limit=9).records] == [
        f"event of {OPEN}"
    ]
    assert stage.store.count(indexes.CASES_CLOSED) == 0
    assert stage.entries() == sum(
        len(indexes.entries(kind, record.group, record.name, record.body))
        for kind in indexes.INDEXED
        for record in stage.store.every(kind, limit=99).records
    )


def test_an_open_hunt_and_its_captures_stay(stage):
    hunt = Hunt("weekly", START, HuntState.RUNNING)
    stage.store.put(
        kinds.HUNT,
        "weekly",
        hunt.id,
        {"name": "weekly", "scheduled_at": START.isoformat(), "state": "running"},
    )
    stage.store.put(kinds.OPEN_HUNT, "", hunt.id, {})
    stage.store.put(kinds.CAPTURE, hunt.id, "i-1", {"requested_at": START.isoformat()})
    stage.days(500)
    assert {f"{kinds.HUNT} weekly", f"{kinds.CAPTURE} {hunt.id}"} < stage.stored()


def test_after_a_long_stop_an_open_case_is_still_there(stage):
    stage.case(OPEN, closed=False)
    stage.case(CLOSED, closed=True)
    stage.moment += timedelta(days=1_000)
    expire(stage.runtime)
    assert of(CLOSED) < stage.stored()  # the clock may be wrong
    stage.days(2)
    assert stage.stored() & (of(OPEN) | of(CLOSED)) == of(OPEN)


def test_a_clock_that_is_ahead_for_a_while_deletes_nothing(stage):
    stage.case(CLOSED, closed=True)
    stage.days(2)
    before = stage.moment
    stage.moment += timedelta(days=3_650)
    for _ in range(20):
        expire(stage.runtime)
        stage.moment += timedelta(minutes=1)
    stage.moment = before
    stage.days(5)
    assert of(CLOSED) < stage.stored()


def test_nothing_is_deleted_before_the_round_is_done(stage, monkeypatch):
    """Each run has time for one step."""
    for number in range(25):
        stage.case(f"project/{number}/i-1", closed=False)
    stage.case(CLOSED, closed=True)
    stage.moment += timedelta(days=1_000)
    monkeypatch.setattr(module, "SETTLED", timedelta(0))
    runs = 0
    while of(CLOSED) & stage.stored():
        left = iter([True])
        monkeypatch.setattr(module, "lasts", lambda _, left=left: next(left, False))
        expire(stage.runtime)
        runs += 1
        assert all(of(f"project/{number}/i-1") < stage.stored() for number in range(25))
    assert runs > 3


def test_the_configuration_says_how_long(tmp_path):
    stage = Stage(tmp_path / "huntbridge.db", {"cases": "60d", "alarms": "90d"})
    stage.case(CLOSED, closed=True)
    stage.days(70)
    assert of(CLOSED) - stage.stored() == {f"{kinds.CASE_FILE} {CLOSED}", f"{kinds.CASE} {CLOSED}"}
    stage.days(30)
    assert of(CLOSED) & stage.stored() == {f"{kinds.DELIVERY} event of {CLOSED}"}
    stage.database.close()


def test_the_defaults_are_those_of_the_kinds():
    assert KeepConfig().days == DEFAULT_DAYS


def test_the_file_becomes_smaller(stage):
    """Deleted documents leave free pages, which are returned in small steps."""
    for number in range(3_000):
        stage.store.put(kinds.DELIVERY, f"{number}", "soc", {"text": token_hex(2_500)}, durable=False)
    ((before,),) = stage.database.read("PRAGMA page_count", ())
    stage.days(190)
    ((after,),) = stage.database.read("PRAGMA page_count", ())
    ((free,),) = stage.database.read("PRAGMA freelist_count", ())
    assert not stage.stored()
    assert free <= 100
    assert after < 200 < before / 5
