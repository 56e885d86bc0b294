"""The record of captures: their state within a hunt, and when each system was last captured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.metrics.definitions import CAPTURES
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump, load
from shared.models.systems import System
from shared.storage import kinds
from shared.storage.ledger import documents
from shared.storage.ledger.systems import Systems
from shared.storage.ports import Body, Store
from shared.storage.stored_times import is_future

_BROUGHT = {"state", "malicious", "suspicious"}  # fields that say what a capture brought
PAST_HUNTS = 4  # remembered for each instance: the last three hunts and the current one


class Captures:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._systems = Systems(store, now)

    def get(self, hunt_id: str, system: System) -> Capture | None:
        return documents.read(self._store, Capture, kinds.CAPTURE, hunt_id, system.key)

    def of_hunt(self, hunt_id: str) -> list[Capture]:
        return documents.read_all(self._store, Capture, kinds.CAPTURE, hunt_id)

    def plan(self, capture: Capture) -> Capture:
        """Record a planned capture. Returns the recorded capture if this system already has one in this
        hunt.

        This need not be durable: the hunt is recorded after its captures, and that write is.
        """
        place = (kinds.CAPTURE, capture.hunt_id, capture.system.key)
        if self._store.put(*place, dump(capture), expect=0, durable=False):
            CAPTURES.add(state=capture.state.value)
            return capture
        recorded = self.get(capture.hunt_id, capture.system)
        assert recorded is not None
        return recorded

    def drop(self, capture: Capture) -> None:
        """Delete a planned capture of a hunt that was never recorded."""
        self._store.delete(kinds.CAPTURE, capture.hunt_id, capture.system.key)

    def claim(self, capture: Capture, **fields: Any) -> bool:
        """Change these fields if the capture still has the state that was read. Returns False if another
        worker changed the state first."""

        def claim(body: Body | None) -> tuple[Body | None, Capture | None]:
            current = load(Capture, body) if body else None
            if current is None or current.state is not capture.state:
                return None, None
            claimed = replace(current, **fields)
            return dump(claimed), claimed

        claimed = self._store.update(kinds.CAPTURE, capture.hunt_id, capture.system.key, claim)
        if claimed and "ended_at" in fields:
            self._systems.capture_ended(claimed)
        return claimed is not None

    def update(self, capture: Capture, **fields: Any) -> Capture:
        """Change these fields of the recorded capture and leave its other fields as they are now."""
        updated = documents.change(
            self._store,
            Capture,
            kinds.CAPTURE,
            capture.hunt_id,
            capture.system.key,
            lambda current: replace(current, **fields),
        )
        if updated.state is not capture.state:
            CAPTURES.add(state=updated.state.value)
        if updated.requested_at and fields.get("state") in (CaptureState.REQUESTED, CaptureState.FAILED):
            # Failed captures count too. Otherwise a system that always fails would stay first in line. This
            # need not be durable: if a power cut undoes it, the system is only hunted earlier than others.
            at = {"at": updated.requested_at.isoformat()}
            self._store.put(kinds.HUNTED, "", capture.system.lasting_key, at, durable=False)
        if fields.get("state") is CaptureState.PROCESSED:
            self._store.put(kinds.CAPTURED, "", capture.system.lasting_key, {"at": self._now().isoformat()})
            self._add_past_hunt(updated)
        if fields.keys() & _BROUGHT:
            self._systems.capture_ended(updated)
        return updated

    def _add_past_hunt(self, capture: Capture) -> None:
        system, alarms = capture.system, capture.malicious + capture.suspicious

        def add(body: Body | None) -> tuple[Body, None]:
            hunts = body["hunts"] if body else []
            others = [past for past in hunts if past[0] != capture.hunt_id]
            # One hunt may capture several pods that share what lasts; the worst of them counts.
            same = [past[1] for past in hunts if past[0] == capture.hunt_id and system.lasts_in_others]
            return {"hunts": [*others, [capture.hunt_id, max([alarms, *same])]][-PAST_HUNTS:]}, None

        self._store.update(kinds.PAST_HUNTS, capture.system.lasting, "-", add)

    def past_hunts(self, lasting: str) -> list[tuple[str, int]]:
        """The id and the number of alarms of each of the last hunts that captured the system with this
        `System.lasting`, oldest first."""
        record = self._store.get(kinds.PAST_HUNTS, lasting, "-")
        return [(str(hunt_id), int(alarms)) for hunt_id, alarms in record.body["hunts"]] if record else []

    def captured_since(self, moment: datetime) -> set[str]:
        """The `System.lasting_key` of every system that any hunt has captured since `moment`."""
        return {key for key, at in self._times(kinds.CAPTURED).items() if at >= moment}

    def last_requested(self) -> dict[str, datetime]:
        """For each `System.lasting_key`, when any hunt last requested its capture."""
        return self._times(kinds.HUNTED)

    def _times(self, kind: str) -> dict[str, datetime]:
        """Leaves out times in the future. A system with such a time would wait behind all others until that
        time."""
        now = self._now()
        times = {r.name: datetime.fromisoformat(r.body["at"]) for r in self._store.scan(kind, "")}
        return {key: at for key, at in times.items() if not is_future(at, now)}
