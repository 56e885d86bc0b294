"""In which of the last hunts of a system each kind of alarm was seen. It reads two documents.

`receiver.events.history` stores which kinds of alarm each hunt brought, and `ledger.systems` how each capture
ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.models.codec import load
from shared.models.coverage import CoveredSystem, Outcome
from shared.models.findings_seen import HUNTS_SHOWN, KINDS_OF_A_HUNT, InHunt, Seen, SeenInHunt, mark_of
from shared.models.systems import System
from shared.storage import kinds
from shared.storage.ports import Key, Store

_ALARM_OF = "alarm of "  # as `ledger.systems` writes it


class FindingQueries:
    def __init__(self, store: Store) -> None:
        self._store = store

    def of_system(self, system: System, descriptions: Iterable[str]) -> dict[str, Seen]:
        """By description."""
        alarms, covered = findings_keys(system)
        found = self._store.read_many([alarms, covered])
        body: Mapping[str, Any] = found[alarms].body if alarms in found else {}
        brought: Mapping[str, list[str]] = body.get("hunts", {})
        outcomes = _outcomes(load(CoveredSystem, found[covered].body)) if covered in found else {}
        hunts = sorted({*brought, *outcomes}, key=lambda id: (id.rpartition("@")[2], id))[-HUNTS_SHOWN:]

        def seen(mark: str) -> Seen:
            first, last = body.get("seen", {}).get(mark, (None, None))
            was = (_in_hunt(mark, brought.get(hunt), outcomes.get(hunt)) for hunt in hunts)
            return Seen(
                tuple(map(SeenInHunt, hunts, was)),
                datetime.fromisoformat(first) if first else None,
                datetime.fromisoformat(last) if last else None,
            )

        return {text: seen(mark_of(text)) for text in dict.fromkeys(descriptions)}


def findings_keys(system: System) -> tuple[Key, Key]:
    """The two documents that `of_system` reads."""
    return (kinds.SYSTEM_ALARMS, system.lasting, "-"), (kinds.SYSTEM, "", system.lasting_key)


def _outcomes(system: CoveredSystem) -> dict[str, Outcome | None]:
    """How the capture of each hunt ended; None if the hunt is known by its alarms only."""
    outcomes: dict[str, Outcome | None] = {}
    for week in system.weeks.values():
        for by, outcome in week.items():
            if by.startswith(_ALARM_OF):
                outcomes.setdefault(by.removeprefix(_ALARM_OF), None)
            elif "@" in by:
                outcomes[by] = outcome
    return outcomes


def _in_hunt(mark: str, brought: list[str] | None, outcome: Outcome | None) -> InHunt:
    if brought and mark in brought:
        return InHunt.SEEN
    if outcome is Outcome.FAILED:
        return InHunt.NOT_CAPTURED
    if outcome is Outcome.CLEAN:
        return InHunt.NOT_SEEN
    is_whole = brought is not None and len(brought) < KINDS_OF_A_HUNT
    return InHunt.NOT_SEEN if is_whole else InHunt.NOT_KNOWN
