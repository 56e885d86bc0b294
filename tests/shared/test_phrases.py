"""Counts and times in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.phrases import counted, percent, utc_minute


@pytest.mark.parametrize(("count", "text"), [(0, "0 systems"), (1, "1 system"), (1_200, "1,200 systems")])
def test_a_noun_has_its_number(count: int, text: str) -> None:
    assert counted(count, "system") == text


def test_a_time_is_in_utc() -> None:
    moment = datetime(2027, 1, 31, 3, 0, 59, tzinfo=timezone(timedelta(hours=1)))
    assert utc_minute(moment) == utc_minute(moment.astimezone(UTC)) == "2027-01-31 02:00 UTC"
    assert utc_minute(None) == ""


@pytest.mark.parametrize(("part", "whole", "share"), [(0, 7, 0), (11, 12, 91), (999, 1_000, 99), (7, 7, 100)])
def test_all_alone_is_a_hundred_percent(part: int, whole: int, share: int) -> None:
    assert percent(part, whole) == share
