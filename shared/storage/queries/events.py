"""Lists of events, and everything about one event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.models.alarms import Alarm
from shared.models.cases import Case
from shared.models.codec import load
from shared.models.holds import Hold
from shared.models.severity import Severity
from shared.models.systems import lasting_key
from shared.storage import kinds
from shared.storage.ports import Record, Store
from shared.storage.queries.deliveries import DeliveryRow, delivery_key, delivery_row
from shared.storage.queries.event_rows import EventRow, between, event_key, event_row, span_of
from shared.storage.queries.pages import Rows, bounded, position, token
from shared.storage.queries.reading import joined, rows


@dataclass(frozen=True)
class EventDetail:
    """One event with its deliveries, and its alarm if the store kept it."""

    row: EventRow
    deliveries: tuple[DeliveryRow, ...]
    alarm: Alarm | None

    @property
    def holds(self) -> dict[str, Hold]:
        """The destinations that a route holds its alarm for, and until when."""
        return {each.destination: each.hold for each in self.deliveries if each.hold}

    @property
    def where_told(self) -> str:
        """A sentence or more on who was told, or will be later; empty if it is sent to nobody."""
        told = [name for name in self.row.to if name not in self.holds]
        held = [f"For {name} it is {hold.words}." for name, hold in self.holds.items()]
        return " ".join([f"Told at {', '.join(told)}."] * bool(told) + held)


class EventQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def list(
        self,
        *,
        system: str = "",
        case: str = "",
        hunt: str = "",
        kind: str = "",
        severity: Severity | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        page: str = "",
    ) -> Rows[EventRow]:
        """The events, newest first. `system` is a `System.key` or
        `System.lasting_key`, `hunt` a hunt's id, `case` a case's key."""
        system = lasting_key(system)
        question = {
            "list": "events",
            "system": system,
            "case": case,
            "hunt": hunt,
            "kind": kind,
            "severity": severity,
            "since": since,
            "until": until,
        }

        def row_of(record: Record) -> EventRow | None:
            row = event_row(record)
            is_wanted = (
                (not system or row.system_key == system)
                and (not case or row.case == case)
                and (not hunt or row.hunt_id == hunt)
                and (not kind or row.kind == kind)
                and (severity is None or row.severity is severity)
            )
            return row if is_wanted else None

        found, after = rows(
            self._store,
            kinds.EVENT,
            between(span_of(system=system, case=case, hunt=hunt), since, until),
            row_of,
            limit=bounded(limit),
            after=position(question, page),
            filtered=bool(kind or severity or [system, case, hunt].count("") < 2),
        )
        return Rows(tuple(found), token(question, after))

    def get(self, event_id: str) -> EventDetail | None:
        key, whole = event_key(event_id), (kinds.WHOLE_ALARM, event_id, "-")
        known = self._store.read_many([key, whole])
        if key not in known:
            return None
        row = event_row(known[key])
        case = (kinds.CASE_FILE, row.case, "-")
        sent = {name: delivery_key(event_id, name) for name in row.to}
        read = joined(self._store, [*([case] if row.case else []), *sent.values()])
        deliveries = (delivery_row(read[key], row) for key in sent.values() if key in read)
        alarm = load(Alarm, known[whole].body) if whole in known else None
        if alarm is None and case in read:
            # The case keeps its worst alarm.
            worst = load(Case, read[case].body).alarm
            alarm = worst if worst.event.id == event_id else None
        return EventDetail(row, tuple(deliveries), alarm)
