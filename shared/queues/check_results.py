"""Stores what the daily check found about each part, and raises an event when that changes.

A part is a destination, or one of the parts in scheduler/daily_check.py. Of each part, what failed the last
time is kept. What fails for the first time is told, and so is what works again; what fails as it did before
is not told again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.models.checks import CheckResult
from shared.models.codec import dump
from shared.models.event_kinds import CHECK_FAILED, DESTINATION_BROKEN, DESTINATION_MENDED
from shared.models.events import Event
from shared.queues import items
from shared.queues.ports import Again, Done, Queue, Verdict
from shared.storage import kinds
from shared.storage.ledger.notes import Notes
from shared.text import one_line

log = logging.getLogger(__name__)

# Seconds until something that fails for the first time is checked once more, before it is told. A peer that
# does not answer for a minute is not broken.
CONFIRM_AFTER = 600.0
_MAX_DETAIL = 500  # characters
_MOST = 50  # failures of one part


@dataclass(frozen=True)
class LastChecks:
    at: datetime | None  # when the last part was checked; None: nothing was checked yet
    failing: tuple[tuple[str, str, str], ...]  # part, what was checked, and what is wrong with it


class CheckResults:
    def __init__(self, notes: Notes, events: Queue, now: Callable[[], datetime]) -> None:
        self._notes, self._events, self._now = notes, events, now

    def record(
        self, item: items.DailyCheck, results: Iterable[CheckResult], *, claims: int, destination: bool
    ) -> Verdict:
        """`claims`: how often the item was claimed; at its first claim nothing new is told. `destination`:
        the part is a destination. Raises QueueError and StoreError."""
        failing = _by_subject([result for result in results if not result.ok][:_MOST])
        before: dict[str, str] = self._notes.get(kinds.DAILY_CHECK_NOTES, item.part).get("failing", {})
        new = {what: detail for what, detail in failing.items() if what not in before}
        mended = {what: detail for what, detail in before.items() if what not in failing}
        if new and claims <= 1:
            return Again(CONFIRM_AFTER, "a check failed for the first time: it is repeated", expected=True)
        # Raise before saving: a crash in between raises the events again, and their ids make that harmless.
        for changed, is_mended in ((new, False), (mended, True)):
            itself = {what: detail for what, detail in changed.items() if destination and what == item.part}
            rest = {what: detail for what, detail in changed.items() if what not in itself}
            self._raise(item, itself, DESTINATION_MENDED if is_mended else DESTINATION_BROKEN, is_mended)
            self._raise(item, rest, CHECK_FAILED, is_mended)
        body: dict[str, Any] = {"at": self._now().isoformat(), "failing": failing}
        self._notes.save(kinds.DAILY_CHECK_NOTES, item.part, body)
        return Done()

    def last(self) -> LastChecks:
        """What the last check of each part found. Raises StoreError."""
        notes = self._notes.about(kinds.DAILY_CHECK_NOTES)
        failing = tuple(
            (part, what, detail)
            for part, body in sorted(notes.items())
            for what, detail in body["failing"].items()
        )
        return LastChecks(
            max((datetime.fromisoformat(body["at"]) for body in notes.values()), default=None), failing
        )

    def _raise(self, item: items.DailyCheck, about: Mapping[str, str], kind: str, mended: bool) -> None:
        if not about:
            return
        lines = [what if mended or not detail else f"{what}: {detail}" for what, detail in about.items()]
        id = f"{kind}:{item.part}:{item.day}{':mended' if mended else ''}"
        event = Event(id, kind, self._now(), title=item.part, text="\n".join(lines), mended=mended)
        self._events.put(items.encode(items.OwnEvent(dump(event))), id=id)
        keys = {"about": item.part, "reason": "; ".join(lines)}
        if mended:
            log.info("the daily check passes again", extra=keys)
        else:
            log.error("the daily check failed", extra=keys)


def _by_subject(failed: list[CheckResult]) -> dict[str, str]:
    """The details by what was checked. Of several failures of one thing, each is a subject of its own."""
    times = Counter(result.what for result in failed)
    found = {}
    for result in failed:
        what, detail = one_line(result.what, 200), one_line(result.detail, _MAX_DETAIL)
        found.update({what: detail} if times[result.what] == 1 else {f"{what}: {detail}": ""})
    return found
