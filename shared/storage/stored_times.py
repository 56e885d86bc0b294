"""Checks stored times against the current time, since the clock may have been set back after they were
stored.

A machine whose clock showed 2030 for a moment stored times of 2030. Such a time does not say when something
happened, and nothing may wait until it has passed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# The clocks of two machines may differ by this much without being wrong.
SKEW = timedelta(minutes=5)
# A clock that shows an earlier time than this was never set, since this version is newer.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def why_unset(now: datetime) -> str:
    """A sentence for a person if the clock cannot be right; else empty."""
    return f"this machine's clock says {now:%Y-%m-%d}, and must be set" if now < _EARLIEST else ""


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether `moment` was stored while a clock was wrong."""
    return moment - now > SKEW


def within_last(period: timedelta, moment: datetime, now: datetime) -> bool:
    """Whether `moment` is in the last `period`. A time in the future is not."""
    return not is_future(moment, now) and now - moment < period
