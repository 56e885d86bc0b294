"""Finds the event that a person names by its id or the beginning of it."""

from __future__ import annotations

from cli.exit_codes import Failed
from cli.identifiers import MOST, whole
from shared.hosting.runtime import Runtime
from shared.storage import kinds


def event_id(runtime: Runtime, given: str) -> str:
    """Raises Failed if there is no such event, and Misused if several are meant."""
    if runtime.ledger.events.routed_to(given) is not None:
        return given
    if match := whole(given, runtime.store.groups(kinds.EVENT, given, MOST + 1), "events"):
        return match
    raise Failed(f"there is no event {given!r}; `huntbridge events list` shows the newest")
