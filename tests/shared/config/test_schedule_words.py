"""Schedules in words."""

from __future__ import annotations

import pytest

from shared.config.schedule_words import in_words


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("cron(0 2 ? * SUN *)", "every Sunday at 02:00"),
        ("cron(0 2 ? * 1 *)", "every Sunday at 02:00"),
        ("cron(30 1,13 * * ? *)", "every day at 01:30 and 13:30"),
        ("cron(0 22 ? * MON-FRI *)", "from Monday to Friday at 22:00"),
        ("cron(0 22 ? * SUN,MON,WED *)", "every Monday, Wednesday and Sunday at 22:00"),
        ("cron(0 2 ? * * *)", "every day at 02:00"),
        ("cron(0 2 1 * ? *)", "on day 1 of the month at 02:00"),
        ("cron(0 2 1,15,20-25 * ? *)", "on day 1, 15 and 20–25 of the month at 02:00"),
        ("cron(0 2 L * ? *)", "on the last day of the month at 02:00"),
        ("cron(0 2 LW * ? *)", "on the last weekday of the month at 02:00"),
        ("cron(0 2 15W * ? *)", "on the weekday nearest to day 15 of the month at 02:00"),
        ("cron(0 2 ? * SUN#1 *)", "on the first Sunday of the month at 02:00"),
        ("cron(0 2 ? * 6L *)", "on the last Friday of the month at 02:00"),
        ("cron(0 2 1 JAN,JUL ? *)", "on day 1 of the month in January and July at 02:00"),
        ("cron(0 2 1 1 ? 2027-2029)", "on day 1 of the month in January of 2027–2029 at 02:00"),
        ("cron(0/15 * * * ? *)", "every day, at minute 0, 15, 30 and 45 of every hour"),
        ("cron(0 8-18 * * ? *)", "every day, at minute 0, in the hours 8–18"),
        ("cron(* * * * ? *)", "every day, every minute"),
        ("rate(7 days)", "every 7 days"),
        ("rate(1 day)", "every day"),
        ("rate(36 hours)", "every 36 hours"),
        ("rate(90 minutes)", "every 90 minutes"),
        ("at(2027-01-31T02:00:00)", "once, on 31 January 2027 at 02:00"),
    ],
)
def test_words(schedule, words):
    assert in_words(schedule, "America/New_York") == words


def test_what_is_no_schedule_is_refused():
    with pytest.raises(ValueError, match="is not a schedule"):
        in_words("every now and then", "Etc/UTC")
