"""Stored times, read by a clock that may have been set back since.

A machine whose clock was in 2030 for a moment wrote times of 2030. Such a time says nothing about when
something happened, so nothing may wait for it to pass: it counts as now.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# Clocks of two machines may differ by this much without either being wrong.
SKEW = timedelta(minutes=5)
# Older than this version: a machine whose clock says less has lost the time, and has not got it back yet.
_MADE = datetime(2026, 1, 1, tzinfo=UTC)


def why_unset(now: datetime) -> str:
    """In words, where the clock cannot be right; else empty."""
    return f"this machine's clock says {now:%Y-%m-%d}, and must be set" if now < _MADE else ""


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether a clock that was wrong has written `moment`."""
    return moment - now > SKEW


def within_last(period: timedelta, moment: datetime, now: datetime) -> bool:
    """Whether `moment` lies in the last `period`. A time of the future does not."""
    return not is_future(moment, now) and now - moment < period
