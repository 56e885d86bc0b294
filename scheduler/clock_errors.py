"""Corrects times of hunts and captures that a wrong clock wrote. A time in the future is replaced by now.

Without the correction, a capture that was requested while the clock was in 2030 would not be late before
2030.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.models.captures import Capture
from shared.models.hunts import Hunt
from shared.storage.ledger.ledger import Ledger
from shared.storage.stored_times import is_future

_OF_HUNTS = ("began_at", "created_at", "finished_at")
_OF_CAPTURES = ("requested_at", "released_at", "ended_at", "progress_at")


def corrected_hunt(ledger: Ledger, hunt: Hunt, now: datetime) -> Hunt:
    """The hunt with its times corrected. The correction is stored."""
    times = _corrections(hunt, _OF_HUNTS, now)
    return ledger.hunts.change(hunt.id, lambda stored: replace(stored, **times)) if times else hunt


def corrected_captures(ledger: Ledger, captures: Iterable[Capture], now: datetime) -> list[Capture]:
    """The captures with their times corrected. The corrections are stored."""
    return [
        ledger.captures.update(capture, **times)
        if (times := _corrections(capture, _OF_CAPTURES, now))
        else capture
        for capture in captures
    ]


def _corrections(record: Hunt | Capture, names: Iterable[str], now: datetime) -> dict[str, Any]:
    times = {name: getattr(record, name) for name in names}
    return {name: now for name, moment in times.items() if moment and is_future(moment, now)}
