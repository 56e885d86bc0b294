"""Compares an alarm with the alarms before it on the same system, and says what is new.

One document for each system stores the kinds of alarm that the system has had, with the first event of each.
It also stores which kinds each of the last hunts brought. So an event that is handled again gets the same
answer. If two events bring the same new kind at the same moment, only one of them reports it as new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.messages.counts import worst_first
from receiver.messages.subject import system_of
from shared.models.alarms import Alarm, Change
from shared.models.event_kinds import ALARM_KINDS
from shared.models.events import Event
from shared.models.findings_seen import HUNTS_SHOWN, KINDS_OF_A_HUNT, mark_of
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Body, Store

# The limits of one document. They keep it far below the limit of a DynamoDB item.
MAX_KINDS = 2_000
MAX_EVENTS = 20
MAX_NAMED = 20  # kinds that a message may name as new
MAX_DATED = 500  # kinds whose first and last alarm are dated
HUNTS = 3  # past hunts that an alarm is compared with


@dataclass(frozen=True)
class _Past:
    """What earlier alarms of a system found."""

    first_by: dict[str, str]  # by kind of alarm, the id of the event that brought it first
    alarms_at: list[datetime]  # when the earlier alarms arrived, the oldest first


class History:
    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger

    def compare(self, alarm: Alarm) -> Change | None:
        """Stores the alarm's kinds, and returns how it differs from earlier alarms. None if the event reports
        no alarms, or if its system is not known. Raises StoreError."""
        system, event = system_of(alarm), alarm.event
        if system is None or event.kind not in ALARM_KINDS:
            return None
        descriptions = {
            mark_of(finding.description): finding.description for finding in worst_first(alarm.findings)
        }
        hunt = alarm.hunt.id if alarm.hunt else ""
        past = self._store_kinds(system.lasting, event, hunt, list(descriptions))
        new = [text for mark, text in descriptions.items() if past.first_by[mark] == event.id]
        hunts = [
            alarms
            for hunt_id, alarms in self._ledger.captures.past_hunts(system.lasting)
            if alarm.hunt is None or hunt_id != alarm.hunt.id
        ][-HUNTS:]
        return Change(
            first_at=past.alarms_at[0] if past.alarms_at else None,
            last_at=past.alarms_at[-1] if past.alarms_at else None,
            new=len(new),
            new_kinds=tuple(new[:MAX_NAMED]),
            kinds=len(descriptions),
            hunts=len(hunts),
            with_alarms=sum(alarms > 0 for alarms in hunts),
        )

    def _store_kinds(self, lasting: str, event: Event, hunt: str, marks: list[str]) -> _Past:
        def change(stored: Body | None) -> tuple[Body | None, _Past]:
            events: list[list[str]] = stored["events"] if stored else []
            known: dict[str, str] = stored["kinds"] if stored else {}
            ids = [id for id, _ in events]
            earlier = events[: ids.index(event.id)] if event.id in ids else events
            past = _Past(
                first_by={mark: known.get(mark, event.id) for mark in marks},
                alarms_at=[datetime.fromisoformat(moment) for _, moment in earlier],
            )
            if event.id in ids and all(mark in known for mark in marks):
                return None, past
            newest = list({**known, **past.first_by}.items())[-MAX_KINDS:]
            if event.id not in ids:
                events = _with(events, [event.id, event.received_at.isoformat()])
            # Earlier versions stored no hunts and no times.
            hunts, seen = stored.get("hunts", {}) if stored else {}, stored.get("seen", {}) if stored else {}
            body = {
                "events": events,
                "kinds": dict(newest),
                "hunts": _with_kinds(hunts, hunt, marks),
                "seen": _with_time(seen, marks, event.received_at.isoformat()),
            }
            return body, past

        return self._store.update(kinds.SYSTEM_ALARMS, lasting, "-", change, durable=False)


def _with(events: list[list[str]], event: list[str]) -> list[list[str]]:
    """The history with one more event. If there are too many, the second oldest is dropped; the oldest is
    kept, since it shows when the alarms began."""
    return [*events, event] if len(events) < MAX_EVENTS else [events[0], *events[2:], event]


def _with_kinds(hunts: dict[str, list[str]], hunt: str, marks: list[str]) -> dict[str, list[str]]:
    """The kinds of each of the last hunts, with those that an event of `hunt` brought."""
    if not hunt:
        return hunts
    merged = {**hunts, hunt: list(dict.fromkeys([*hunts.get(hunt, ()), *marks]))[:KINDS_OF_A_HUNT]}
    return dict(sorted(merged.items(), key=lambda item: item[0].rpartition("@")[2])[-HUNTS_SHOWN:])


def _with_time(seen: dict[str, list[str]], marks: list[str], at: str) -> dict[str, list[str]]:
    """When the first and the last alarm of each kind arrived. The kinds of the newest alarms are last."""
    times = {mark: seen.get(mark, [at, at]) for mark in marks[:MAX_DATED]}
    now = {mark: [min(first, at), max(last, at)] for mark, (first, last) in times.items()}
    others = {mark: both for mark, both in seen.items() if mark not in now}
    return dict(list({**others, **now}.items())[-MAX_DATED:])
