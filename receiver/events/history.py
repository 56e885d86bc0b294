"""What is new on a system: an alarm in, how it differs from the alarms before it on the same system out.

A record per system remembers which kinds of alarm it has had and which event brought each first. So the same
event asks again and gets the same answer, and of two at once each kind is new in one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from receiver.messages.counts import worst_first
from receiver.messages.subject import system_of
from shared.models.alarms import Alarm, Change
from shared.models.event_kinds import ALARM_KINDS
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Body, Store

# What is remembered of a system: one document, far below what an item of DynamoDB holds.
MAX_KINDS = 2_000
MAX_EVENTS = 20
MAX_NAMED = 20  # of the new kinds
HUNTS = 3


class Changes:
    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger

    def of(self, alarm: Alarm) -> Change | None:
        """None where this is no alarm, or it is not known on which system."""
        system = system_of(alarm)
        if system is None or alarm.event.kind not in ALARM_KINDS:
            return None
        event = alarm.event
        kinds = {_mark(finding.description): finding.description for finding in worst_first(alarm.findings)}
        first_by, before = self._remember(system.instance, event.id, event.received_at, list(kinds))
        new = [text for mark, text in kinds.items() if first_by[mark] == event.id]
        hunts = [
            alarms
            for hunt_id, alarms in self._ledger.captures.past_hunts(system.instance)
            if alarm.hunt is None or hunt_id != alarm.hunt.id
        ][-HUNTS:]
        return Change(
            first_at=before[0] if before else None,
            last_at=before[-1] if before else None,
            new=len(new),
            new_kinds=tuple(new[:MAX_NAMED]),
            kinds=len(kinds),
            hunts=len(hunts),
            with_alarms=sum(alarms > 0 for alarms in hunts),
        )

    def _remember(
        self, instance: str, event_id: str, at: datetime, marks: list[str]
    ) -> tuple[dict[str, str], list[datetime]]:
        """By kind, the event that brought it first; and when the alarms before came, oldest first."""

        def remember(body: Body | None) -> tuple[Body | None, tuple[dict[str, str], list[datetime]]]:
            events: list[list[str]] = body["events"] if body else []
            known: dict[str, str] = body["kinds"] if body else {}
            ids = [id for id, _ in events]
            before = [
                datetime.fromisoformat(moment)
                for _, moment in events[: ids.index(event_id) if event_id in ids else None]
            ]
            first_by = {mark: known.get(mark, event_id) for mark in marks}
            if event_id in ids and all(mark in known for mark in marks):
                return None, (first_by, before)
            newest = list({**known, **first_by}.items())[-MAX_KINDS:]
            after = events if event_id in ids else _kept(events, [event_id, at.isoformat()])
            return {"events": after, "kinds": dict(newest)}, (first_by, before)

        return self._store.update(kinds.SYSTEM_ALARMS, instance, "-", remember, durable=False)


def _kept(events: list[list[str]], one: list[str]) -> list[list[str]]:
    """With one more; the first stays, since when there are alarms."""
    return [*events, one] if len(events) < MAX_EVENTS else [events[0], *events[2:], one]


def _mark(kind: str) -> str:
    """Short, whatever was written on a captured disk."""
    return hashlib.sha256(kind.encode("utf-8", "surrogatepass")).hexdigest()[:16]
