"""Stored times, read by a clock that may have been set back since.

A machine whose clock was in 2030 for a moment wrote times of 2030. Such a time says nothing about when
something happened, so nothing may wait for it to pass: it counts as now.
"""

from __future__ import annotations

from datetime import datetime, timedelta

# Clocks of two machines may differ by this much without either being wrong.
SKEW = timedelta(minutes=5)


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether a clock that was wrong has written `moment`."""
    return moment - now > SKEW


def within_last(period: timedelta, moment: datetime, now: datetime) -> bool:
    """Whether `moment` lies in the last `period`. A time of the future does not."""
    return not is_future(moment, now) and now - moment < period
