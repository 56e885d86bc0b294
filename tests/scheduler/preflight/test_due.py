"""When a preflight is told: on the last working day before the run, in the hunt's time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scheduler.preflight.due import run_to_tell_of
from shared.config.hunts import HuntConfig

MONDAY, TUESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = (
    datetime(2026, 11, day, 6, 0, tzinfo=UTC) for day in (23, 24, 26, 27, 28, 29)
)
WEEKLY, ON_MONDAY, DAILY = "cron(0 2 ? * SUN *)", "cron(0 2 ? * MON *)", "cron(0 2 * * ? *)"

TARGET = {"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}


def run(schedule: str | None, now: datetime, zone: str = "Etc/UTC") -> str:
    definition = HuntConfig.model_validate(
        {
            "schedule": schedule,
            "timezone": zone,
            "targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}],
        }
    )
    told = run_to_tell_of(definition, now)
    return f"{told:%a %d}" if told else ""


@pytest.mark.parametrize(
    ("schedule", "now", "expected"),
    [
        (WEEKLY, THURSDAY, ""),
        (WEEKLY, FRIDAY, "Sun 29"),
        (WEEKLY, SATURDAY, "Sun 29"),  # only if it was not told on Friday
        (WEEKLY, SUNDAY, ""),
        (ON_MONDAY, THURSDAY, ""),
        (ON_MONDAY, FRIDAY, "Mon 30"),
        (DAILY, MONDAY, "Tue 24"),
        (DAILY, FRIDAY, "Sat 28"),
        ("rate(1 hour)", TUESDAY, "Wed 25"),
        ("cron(0 2 28 11 ? 2026)", MONDAY, ""),
        ("cron(0 2 28 11 ? 2026)", FRIDAY, "Sat 28"),
        ("cron(0 2 28 11 ? 2025)", FRIDAY, ""),
        (None, FRIDAY, ""),
    ],
)
def test_the_last_working_day_before_the_run(schedule: str | None, now: datetime, expected: str) -> None:
    assert run(schedule, now) == expected


def test_the_days_are_those_of_the_hunts_time_zone() -> None:
    late = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)  # Friday morning in Auckland
    assert run(WEEKLY, late) == ""
    assert run("cron(0 2 ? * SUN *)", late, "Pacific/Auckland") == "Sat 28"  # Sunday there, in UTC
