"""Finds the case that a person names by its key, by one of its events, or by the beginning of either."""

from __future__ import annotations

from cli.exit_codes import Failed
from cli.identifiers import MOST, whole
from shared.hosting.runtime import Runtime
from shared.storage import kinds


def case_key(runtime: Runtime, given: str) -> str:
    """Raises Failed if there is no such case, and Misused if several are meant."""
    if key := _case_key(runtime, given):
        return key
    raise Failed(
        f"there is no case {given!r}, and no event of that id whose case could be taken; every message ends "
        "with the id of its event, and `huntbridge cases list` shows the keys"
    )


def _case_key(runtime: Runtime, given: str) -> str:
    """Empty if there is no such case."""
    ledger, store = runtime.ledger, runtime.store
    if ledger.cases.get(given):
        return given
    if (key := ledger.events.case_of(given)) and ledger.cases.get(key):
        return key
    cases = {key: key for key in store.groups(kinds.CASE_FILE, given, MOST + 1)}
    events = {event: ledger.events.case_of(event) for event in store.groups(kinds.EVENT, given, MOST + 1)}
    candidates = cases | {event: key for event, key in events.items() if key and ledger.cases.get(key)}
    if len(set(candidates.values())) == 1 and len(events) <= MOST:
        return next(iter(candidates.values()))  # a case has many events: any of them will do
    match = whole(given, candidates, "events and cases")
    return candidates[match] if match else ""
