"""Enters what an earlier version stored of captures into the record of systems, once.

First come the times at which each system was captured and hunted, then the captures of the weeks that the
record keeps. A note holds how far this has come, so each run goes on where the last one stopped. To do a part
again changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.models.captures import Capture
from shared.models.codec import load
from shared.models.hunts import Hunt, hunt_name
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ledger.systems import WEEKS_KEPT
from shared.storage.ports import Store

_STEPS = 20  # pages of one run
_PAGE = 50
_NOTE = "old captures"
_CAPTURED, _HUNTED, _HUNTS, _DONE = "captured", "hunted", "hunts", "done"
Progress = dict[str, Any]


def enter_old_captures(store: Store, ledger: Ledger, now: datetime) -> bool:
    """Enter a part. Returns whether all is entered."""
    progress: Progress = ledger.notes.get(kinds.COVERAGE_JOB_NOTES, _NOTE) or {"part": _CAPTURED}
    for _ in range(_STEPS):
        if progress["part"] == _DONE:
            return True
        if progress["part"] == _HUNTS:
            progress = _enter_captures(store, ledger, now, progress)
        else:
            progress = _enter_times(store, ledger, progress)
        ledger.notes.save(kinds.COVERAGE_JOB_NOTES, _NOTE, progress)
    return False


def _enter_times(store: Store, ledger: Ledger, progress: Progress) -> Progress:
    """When each system was last captured, or last hunted."""
    captured = progress["part"] == _CAPTURED
    kind = kinds.CAPTURED if captured else kinds.HUNTED
    page = store.page_of_group(kind, "", limit=_PAGE, after=progress.get("after", ""))
    for record in page.records:
        at = datetime.fromisoformat(record.body["at"])
        ledger.systems.seen(record.name, at, captured=captured)
    if page.after:
        return {**progress, "after": page.after}
    return {"part": _HUNTED if captured else _HUNTS}


def _enter_captures(store: Store, ledger: Ledger, now: datetime, progress: Progress) -> Progress:
    """Some captures of one hunt."""
    hunt = progress.get("hunt", "")
    if not hunt or progress.get("ended"):
        following = _next_hunt(store, now, hunt)
        return {"part": _HUNTS, "hunt": following} if following else {"part": _DONE}
    page = store.page_of_group(kinds.CAPTURE, hunt, limit=_PAGE, after=progress.get("after", ""))
    for record in page.records:
        ledger.systems.capture_ended(load(Capture, record.body))
    return {**progress, "after": page.after, "ended": not page.after}


def _next_hunt(store: Store, now: datetime, hunt: str) -> str:
    """The hunt after this one, by name and then by time; the first one if `hunt` is empty. Empty if there is
    none."""
    first = now - timedelta(weeks=WEEKS_KEPT)
    name = hunt_name(hunt)
    while True:
        if name:
            page = store.page_of_group(kinds.HUNT, name, limit=1, after=hunt or Hunt(name, first).id)
            if page.records:
                return page.records[0].name
        names = store.page_of_group(kinds.TURN, "", limit=1, after=name)
        if not names.records:
            return ""
        name, hunt = names.records[0].name, ""
