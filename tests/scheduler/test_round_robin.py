"""Each run begins where the one before ran out of time."""

from __future__ import annotations

import time

import pytest

from scheduler import follow as following
from scheduler.round_robin import round_robin
from shared.http.deadlines import DeadlineExceeded, remaining, within
from tests.scheduler.staging import QUIET, SUNDAY


def test_each_look_goes_on_where_the_last_one_ran_out_of_time(stage):
    now, looked = [0.0], []

    def act(name):
        looked.append(name)
        now[0] += 10
        if now[0] > 25:
            raise DeadlineExceeded

    for _ in range(4):
        now[0] = 0
        with pytest.raises(DeadlineExceeded):
            round_robin(stage.runtime.ledger.notes, "test", list("abcdefg"), act, str)
    assert "".join(looked) == "abcdefgabcde"


def test_one_that_hangs_for_good_is_not_looked_at_first_again(stage):
    def crash(name):
        looked.append(name)
        raise KeyboardInterrupt  # the function is killed

    looked: list[str] = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            round_robin(stage.runtime.ledger.notes, "test", list("abc"), crash, str)
    assert looked == ["a", "b", "c"]


def test_a_hunt_on_which_the_platform_hangs_does_not_starve_the_others(make_stage, monkeypatch):
    stage = make_stage((QUIET,), hunt={"overlap": "queue"})
    for name in "abcd":
        stage.runtime.config.hunts[name] = stage.runtime.config.hunts["weekly"]
        from scheduler.triggers import on_schedule

        on_schedule(stage.runtime, name, SUNDAY)
    seen: list[str] = []

    def look(runtime, hunt):
        seen.append(hunt.name)
        remaining(1)
        if hunt.name == "a":
            time.sleep(0.3)  # as long as the whole budget
            remaining(1)

    monkeypatch.setattr(following, "follow_hunt", look)
    for _ in range(2):
        with pytest.raises(DeadlineExceeded), within(0.25):
            following.follow_hunts(stage.runtime)
    assert seen == ["a", "b", "c", "d", "a"]
