"""Budgets of wall-clock time."""

from __future__ import annotations

import pytest

from shared.http.deadlines import DeadlineExceeded, remaining, within


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_budget_a_call_takes_what_it_asks_for() -> None:
    assert remaining(20) == 20


def test_a_budget_cuts_what_a_call_may_take() -> None:
    clock = Clock()
    with within(30, clock=clock):
        assert remaining(20, clock=clock) == 20
        clock.now += 25
        assert remaining(20, clock=clock) == 5
    assert remaining(20, clock=clock) == 20


def test_an_inner_budget_does_not_outlast_the_outer_one() -> None:
    clock = Clock()
    with within(10, clock=clock):
        with within(60, clock=clock):
            assert remaining(60, clock=clock) == 10
        with within(3, clock=clock):
            assert remaining(60, clock=clock) == 3
        assert remaining(60, clock=clock) == 10


def test_a_used_up_budget_stops_a_call_before_it_sends() -> None:
    clock = Clock()
    with within(10, clock=clock):
        clock.now += 10
        with pytest.raises(DeadlineExceeded):
            remaining(1, clock=clock)
