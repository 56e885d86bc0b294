"""The active hours of a route, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.models.active_hours import WHOLE_DAY, ActiveHours, Window

EVERY_DAY, WORKDAYS, SUNDAY, FRIDAY = tuple(range(7)), tuple(range(5)), (6,), (4,)


def hours(days, begin, end, timezone="Europe/Berlin"):
    def minutes(text):
        hour, _, minute = text.partition(":")
        return int(hour) * 60 + int(minute)

    return ActiveHours(days, (Window(minutes(begin), minutes(end)),), timezone)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("active", "at", "opening"),
    [
        (hours(WORKDAYS, "08:00", "18:00"), "2026-11-27 16:59", "2026-11-27 16:59"),  # a Friday
        (hours(WORKDAYS, "08:00", "18:00"), "2026-11-27 17:00", "2026-11-30 07:00"),
        (hours(WORKDAYS, "22:00", "06:00"), "2026-11-28 04:59", "2026-11-28 04:59"),  # began on Friday
        (hours(WORKDAYS, "22:00", "06:00"), "2026-11-28 05:00", "2026-11-30 21:00"),
        (hours(EVERY_DAY, "22:00", "24:00"), "2026-11-27 23:00", "2026-11-28 21:00"),
        # The clocks skip 02:00 to 03:00: the opening at 02:30 is when they have changed.
        (hours(EVERY_DAY, "02:30", "05:00"), "2027-03-28 00:00", "2027-03-28 01:00"),
        (hours(SUNDAY, "02:10", "02:50"), "2027-03-28 00:00", "2027-04-04 00:10"),  # not on that day
        # 02:00 to 03:00 happens twice: the first opening counts.
        (hours(EVERY_DAY, "02:30", "05:00"), "2026-10-24 12:00", "2026-10-25 00:30"),
        # A hold over the change of the clocks ends at the local time.
        (hours(WORKDAYS, "08:00", "18:00"), "2026-10-24 12:00", "2026-10-26 07:00"),
        (hours(WORKDAYS, "08:00", "18:00"), "2027-03-27 12:00", "2027-03-29 06:00"),
        # Samoa had no 30 December 2011, which would have been a Friday.
        (hours(FRIDAY, "08:00", "18:00", "Pacific/Apia"), "2011-12-28 12:00", "2012-01-05 18:00"),
    ],
)
def test_the_next_opening(active, at, opening):
    assert active.opening(utc(at)) == utc(opening)
    assert active.is_open(utc(at)) is (at == opening)


@pytest.mark.parametrize(
    ("active", "at", "closing"),
    [
        (hours(WORKDAYS, "08:00", "18:00"), "2026-11-27 12:00", "2026-11-27 17:00"),
        (hours(WORKDAYS, "08:00", "18:00"), "2026-11-27 17:00", None),
        (hours(WORKDAYS, "00:00", "24:00"), "2026-11-24 12:00", "2026-11-27 23:00"),
        (hours(EVERY_DAY, "01:00", "02:30"), "2026-10-25 00:00", "2026-10-25 01:30"),  # the second 02:30
        (hours(EVERY_DAY, "01:00", "02:30"), "2027-03-28 00:30", "2027-03-28 01:00"),  # there is no 02:30
    ],
)
def test_when_they_end(active, at, closing):
    assert active.closing(utc(at)) == (utc(closing) if closing else None)


def test_in_words():
    assert str(hours(WORKDAYS, "08:00", "18:00")) == "Mon-Fri 08:00-18:00 Europe/Berlin"
    twice = ActiveHours((0, 2), (Window(0, 60), Window(1320, WHOLE_DAY)))
    assert str(twice) == "Mon, Wed 00:00-01:00, 22:00-24:00 UTC"


@settings(max_examples=200, deadline=None)
@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, WHOLE_DAY - 1),
    st.integers(1, WHOLE_DAY),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"]),
    st.integers(0, 20 * 366 * 24 * 60),
)
def test_an_opening_is_open_and_nothing_before_it_is(days, begin, end, timezone, minutes):
    active = ActiveHours(tuple(sorted(days)), (Window(begin, end if end != begin else WHOLE_DAY),), timezone)
    moment = utc("2010-01-01 00:00") + timedelta(minutes=minutes)
    opening = active.opening(moment)
    assert active.is_open(opening)
    assert opening - moment <= timedelta(days=15)
    if opening > moment:
        assert not active.is_open(moment)
        assert not active.is_open(opening - timedelta(seconds=1))
        assert not active.is_open(moment + (opening - moment) / 2)
