"""The clock of one machine: which runs it starts, starts late, and leaves out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.config.hunts import HuntConfig
from shared.failures import SomeFailed
from shared.local.database import Database
from shared.local.hunt_starter import Clock
from shared.local.store import SqliteStore
from shared.storage.ports import StoreError

TARGETS = [{"instance": "i-0123456789abcdef0", "region": "us-east-1"}]


class Machine:
    """A machine that can be switched off; `started` is what it started: name and scheduled time."""

    def __init__(self, path, at: str, **hunts) -> None:
        self.edit(**hunts)
        self.store = SqliteStore(Database(path / "huntbridge.db"))
        self.moment = datetime.fromisoformat(at)
        self.started: list[str] = []
        self.clock().tick()

    def edit(self, **hunts) -> None:
        """Set the configuration for the next start."""
        self.definitions = {
            name: HuntConfig.model_validate({"targets": TARGETS, **hunt}) for name, hunt in hunts.items()
        }

    def clock(self) -> Clock:
        return Clock(
            {name: hunt.calendar for name, hunt in self.definitions.items() if hunt.calendar},
            lambda name, due: self.started.append(f"{name} {due:%d %H:%M}"),
            self.store,
            lambda: self.moment,
            catch_up=[name for name, hunt in self.definitions.items() if hunt.catch_up],
            texts={name: hunt.schedule_form for name, hunt in self.definitions.items()},
        )

    def run(self, hours: float) -> list[str]:
        clock = self.clock()
        for _ in range(round(hours * 60)):
            self.moment += timedelta(minutes=1)
            clock.tick()
        return self.take()

    def off(self, hours: float) -> list[str]:
        """Be switched off for a while, then tick once."""
        self.moment += timedelta(hours=hours)
        self.clock().tick()
        return self.take()

    def take(self) -> list[str]:
        started, self.started = self.started, []
        return started


NIGHTLY = {"schedule": "cron(0 2 * * ? *)"}


def test_each_run_is_started_once_at_its_time(tmp_path):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", nightly=NIGHTLY, often={"schedule": "rate(12 hours)"})
    assert machine.run(26) == ["nightly 24 02:00", "often 24 12:00", "often 25 00:00", "nightly 25 02:00"]


def test_a_hunt_that_is_new_starts_nothing_that_was_due_before(tmp_path):
    machine = Machine(tmp_path, "2026-11-24T02:05Z", nightly=NIGHTLY)
    assert machine.run(1) == []


@pytest.mark.parametrize(
    ("off_until", "catch_up", "started"),
    [
        ("02:59", False, ["nightly 24 02:00"]),
        ("03:00", False, ["nightly 24 02:00"]),
        ("03:01", False, []),
        ("03:01", True, ["nightly 24 02:00"]),
        ("23:00", True, ["nightly 24 02:00"]),
    ],
)
def test_a_missed_run_starts_late(tmp_path, off_until, catch_up, started):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", nightly={**NIGHTLY, "catch_up": catch_up})
    hour, minute = map(int, off_until.split(":"))
    assert machine.off(hour + minute / 60) == started
    assert machine.run(1) == []


def test_of_many_missed_runs_only_the_last_starts_late(tmp_path):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", nightly={**NIGHTLY, "catch_up": True})
    assert machine.off(24 * 5 + 12) == ["nightly 29 02:00"]
    assert machine.run(20) == ["nightly 30 02:00"]


def test_a_skipped_date_is_in_the_time_zone_of_the_hunt(tmp_path):
    machine = Machine(
        tmp_path,
        "2026-12-23T00:00Z",
        night={
            "schedule": "cron(30 0 * * ? *)",  # in Berlin, 23:30 of the day before in UTC
            "timezone": "Europe/Berlin",
            "skip_dates": ["2026-12-24", "2026-12-26"],
        },
    )
    assert machine.run(5 * 24) == ["night 24 23:30", "night 26 23:30", "night 27 23:30"]


def test_a_skipped_run_does_not_start_late(tmp_path):
    machine = Machine(
        tmp_path, "2026-12-24T00:00Z", nightly={**NIGHTLY, "skip_dates": "2026-12-24", "catch_up": True}
    )
    assert machine.off(6) == []
    assert machine.run(24) == ["nightly 25 02:00"]


def test_a_schedule_that_was_edited_counts_from_then(tmp_path):
    machine = Machine(tmp_path, "2026-11-22T01:00Z", h={"schedule": "cron(0 2 ? * SUN *)", "catch_up": True})
    assert machine.run(2) == ["h 22 02:00"]
    machine.edit(h={"schedule": "cron(0 13 * * ? *)", "catch_up": True})
    assert machine.off(24 * 3 + 10.5) == []  # half an hour after the first time of the new schedule
    assert machine.run(24) == ["h 26 13:00"]


def test_dates_that_are_no_longer_skipped_start_nothing_of_the_past(tmp_path):
    machine = Machine(
        tmp_path, "2026-11-24T00:00Z", h={**NIGHTLY, "skip_dates": "2026-11-24", "catch_up": True}
    )
    machine.edit(h={**NIGHTLY, "catch_up": True})
    assert machine.off(6) == []
    assert machine.run(24) == ["h 25 02:00"]


def test_a_hunt_that_is_put_back_counts_from_then(tmp_path):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", h={**NIGHTLY, "catch_up": True})
    machine.edit(other=NIGHTLY)
    machine.off(12)
    machine.edit(h={**NIGHTLY, "catch_up": True}, other=NIGHTLY)
    assert machine.off(1) == []
    assert machine.run(24) == ["h 25 02:00", "other 25 02:00"]


def test_a_schedule_stored_without_its_text_is_unchanged(tmp_path):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", h=NIGHTLY)
    machine.store.put("clock", "", "h", {"at": "2026-11-24T01:00:00+00:00"})
    assert machine.off(2.5) == ["h 24 02:00"]


def test_a_clock_that_was_wrong_for_a_moment_stops_no_hunt(tmp_path):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", h=NIGHTLY)
    right = machine.moment
    machine.moment = datetime.fromisoformat("2030-01-01T05:00Z")
    machine.clock().tick()
    machine.moment = right
    assert machine.run(48) == ["h 24 02:00", "h 25 02:00"]


def test_a_hunt_that_cannot_start_does_not_delay_others_and_is_tried_again(tmp_path, monkeypatch):
    machine = Machine(tmp_path, "2026-11-24T00:00Z", a=NIGHTLY, b=NIGHTLY)
    clock, begin, broken = machine.clock(), Clock._begin, ["a"]

    def fails(self, name, due, now):
        if name in broken:
            raise StoreError("the database is locked")
        begin(self, name, due, now)

    monkeypatch.setattr(Clock, "_begin", fails)
    machine.moment += timedelta(hours=2)
    with pytest.raises(SomeFailed, match="hunt a: the database is locked"):
        clock.tick()
    assert machine.take() == ["b 24 02:00"]
    broken.clear()
    clock.tick()
    assert machine.take() == ["a 24 02:00"]
