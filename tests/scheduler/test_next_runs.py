"""The next runs of a schedule, and what daylight saving does to them."""

from __future__ import annotations

from datetime import datetime

from scheduler.next_runs import next_runs
from shared.config.hunts import HuntConfig


def runs(schedule: str, after: str, zone: str = "Europe/Berlin") -> list[str]:
    definition = HuntConfig.model_validate({"schedule": schedule, "timezone": zone, "targets": []})
    upcoming = next_runs(definition, datetime.fromisoformat(after))
    return [f"{run.at:%m-%d %H:%M %Z}{'' if run.runs else ' -'} {run.note}".strip() for run in upcoming]


def test_the_next_runs_tell_where_the_clocks_change():
    assert runs("cron(30 2 * * ? *)", "2027-03-26T12:00Z") == [
        "03-27 02:30 CET",
        "03-28 02:30 CET - the clocks go forward and skip this time: no run",
        "03-29 02:30 CEST the clocks went forward: UTC+01:00 became UTC+02:00",
        "03-30 02:30 CEST",
        "03-31 02:30 CEST",
        "04-01 02:30 CEST",
    ]
    assert runs("cron(30 2 ? * SUN *)", "2027-10-24T12:00Z")[:2] == [
        "10-31 02:30 CEST this time comes twice in the night: it runs the first time",
        "11-07 02:30 CET the clocks went back: UTC+02:00 became UTC+01:00",
    ]
    assert runs("at(2027-01-31T02:00:00)", "2027-01-01T00:00Z", "America/New_York") == ["01-31 02:00 EST"]
    assert runs("rate(7 days)", "2027-01-01T00:00Z", "Etc/UTC")[0] == "01-07 00:00 UTC"
