"""What a simulated year leaves in the database, with a configuration that keeps less than a year."""

from __future__ import annotations

import logging

import pytest

from bench.storage import year

# docs/operate/backup.md states this size.
MOST = 1_500_000  # bytes
KEEP = {
    "alarms": "60d",
    "deliveries": "60d",
    "cases": "90d",
    "hunts": "90d",
    "captures": "90d",
    "audit": "90d",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_year_of_alarms_stays_small_since_what_has_expired_is_deleted(caplog):
    caplog.set_level(logging.CRITICAL)
    stored = year(known=True, each=1, keep=KEEP)
    assert stored.alarms == 365
    assert stored.bytes < MOST
    # Of the others, a case is open still, or was until lately.
    for kind in ("event", "whole-alarm", "delivery", "case-file"):
        assert stored.documents[kind] < 0.7 * stored.alarms, kind
    # What prevents that an old alarm is told as new is never deleted.
    assert stored.documents["alarm"] == stored.alarms
