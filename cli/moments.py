"""A moment as an option of a command: a date, a time, or how long ago or ahead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_LENGTH = re.compile(r"(\d{1,5})([mhdw])")
_DAYS = {"today": 0, "yesterday": 1}  # from their first minute, in UTC
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """`2026-11-29`, `2026-11-29T10:00` (both in UTC unless an offset is written), `today` or `yesterday`, or
    `30m`, `12h`, `7d`, `4w` for that long ago. `ahead`: the option names an end, so `7d` is seven days from
    now."""

    name = "when"

    def __init__(self, *, ahead: bool = False) -> None:
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if length := _LENGTH.fullmatch(value):
            span = timedelta(**{_UNITS[length[2]]: int(length[1])})
            return datetime.now(UTC) + (span if self._ahead else -span)
        if value in _DAYS:
            midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight - timedelta(days=_DAYS[value])
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            seven = "seven days from now" if self._ahead else "seven days ago"
            self.fail(f"{value!r} is no time: write 2026-11-29, 2026-11-29T10:00, or 7d for {seven}")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
