"""How long a hunt takes, and whether it ends before its next run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.capacity import Load, capacity
from shared.config.hunts import HuntConfig

MIDNIGHT = datetime(2026, 11, 29, 0, 0, tzinfo=UTC)
HOUR = 3_600.0
HERE = ("", "us-east-1")


def definition(**keys: Any) -> HuntConfig:
    target = {"instance": "i-0123456789abcdef0", "region": "us-east-1"}
    return HuntConfig.model_validate({"targets": [target], "schedule": "rate(1 day)", **keys})


def test_a_hunt_that_ends_before_its_next_run_needs_no_warning():
    found = capacity([Load(HERE, HOUR)] * 24, 10, definition(), MIDNIGHT)
    assert found.ends == MIDNIGHT + timedelta(hours=3)
    assert (found.fits, found.warning) == (None, "")
    assert found.text == "about 3 h 0 min, 10 captures at once"


def test_a_hunt_that_cannot_end_before_its_next_run_is_told_what_fits():
    found = capacity([Load(HERE, HOUR)] * 310, 10, definition(), MIDNIGHT)
    assert found.warning == (
        "the hunt takes 31 h 0 min, its next run begins after 24 h 0 min: `max_systems: 240` fits"
    )
    enough = capacity([Load(HERE, HOUR)] * (found.fits or 0), 10, definition(), MIDNIGHT)
    assert enough.warning == ""
    assert capacity([Load(HERE, HOUR)] * 241, 10, definition(), MIDNIGHT).warning


def test_one_capture_longer_than_the_time_between_two_runs():
    found = capacity([Load(HERE, 30 * HOUR)], 5, definition(), MIDNIGHT)
    assert found.warning.endswith("not even one capture fits")


def test_captures_start_only_in_the_window():
    hunt = definition(window="22:00-02:00", timezone="Europe/Berlin", schedule="rate(7 days)")
    # It begins at 01:00 in Berlin, so one capture starts in this night.
    found = capacity([Load(HERE, HOUR)] * 6, 1, hunt, MIDNIGHT)
    # Then four from 22:00 to 02:00, and the sixth in the next night.
    assert found.ends == datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    assert found.warning == ""


@pytest.mark.parametrize(
    ("loads", "hours"),
    [
        ([Load(HERE, HOUR, 10_000)] * 3, 30_000 * 2.05 / 3_600),
        ([Load(HERE, HOUR, 10_000), Load(("", "eu-west-1"), HOUR, 10_000)], 10_000 * 2.05 / 3_600),
        ([Load(HERE, HOUR, 100)] * 3, 1.0),
    ],
)
def test_all_captures_of_a_region_share_the_limit_of_reading(loads, hours):
    found = capacity(loads, 10, definition(), MIDNIGHT)
    assert found.seconds == pytest.approx(hours * 3_600)
    assert ("sets the pace" in found.text) == (hours > 1)


def test_without_a_schedule_there_is_no_next_run():
    found = capacity([Load(HERE, 1_000 * HOUR)], 1, definition(schedule=None), MIDNIGHT)
    assert (found.next_run, found.warning) == (None, "")
