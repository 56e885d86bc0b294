"""The machines of the whole organization, in one document for each few hundred of a place.

A document names each reason once, and a machine is a short list: ten thousand machines take about a megabyte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from shared.models.fleet_coverage import FleetPart, FleetRow, Reason, Unread, Why
from shared.models.systems import PLATFORM_ACCOUNT
from shared.storage import kinds
from shared.storage.ports import Key, Record, Store

ROWS = 200  # of one document, so that a page of a list has few documents
GROUP = "fleet"
_HEAD = "-"  # in place of the region: what is known of an account as a whole
_MOST_KEYS = 100  # of one read

Place = tuple[str, str]  # account and region; the region is empty for an account as a whole


class FleetRecords:
    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> Iterator[FleetPart]:
        """Every part, place by place."""
        for record in self._store.scan(kinds.FLEET, GROUP):
            yield part_of(record)

    def first_parts(self, places: Iterable[Place]) -> dict[Place, FleetPart]:
        """The first part of each of these places that has one."""
        keys = [_key(*place, 0) for place in places]
        found: dict[Place, FleetPart] = {}
        for begin in range(0, len(keys), _MOST_KEYS):
            for record in self._store.read_many(keys[begin : begin + _MOST_KEYS]).values():
                part = part_of(record)
                found[part.account, part.region] = part
        return found

    def of_place(self, account: str, region: str) -> list[FleetPart]:
        """All parts of a place."""
        first = self.first_parts([(account, region)]).get((account, region))
        if first is None:
            return []
        keys = [_key(account, region, number) for number in range(1, first.parts)]
        records = self._store.read_many(keys) if keys else {}
        return [first, *(part_of(records[key]) for key in keys if key in records)]

    def save(
        self,
        account: str,
        region: str,
        day: date,
        rows: Sequence[FleetRow] = (),
        *,
        unread: Unread | None = None,
        why: str = "",
    ) -> int:
        """Replace what is known of a place. Returns the number of its parts. The first part is written last:
        it says that all are there."""
        chunks = [rows[begin : begin + ROWS] for begin in range(0, len(rows), ROWS)] or [()]
        for number, chunk in reversed(list(enumerate(chunks))):
            part = FleetPart(account, region, day, tuple(chunk), number, len(chunks), unread, why)
            self._store.put(*_key(account, region, number), _body(part), durable=False)
        return len(chunks)

    def delete(self, part: FleetPart) -> None:
        self._store.delete(*_key(part.account, part.region, part.part))


def _key(account: str, region: str, part: int) -> Key:
    return kinds.FLEET, GROUP, f"{account or PLATFORM_ACCOUNT}/{region or _HEAD}/{part:04}"


def _body(part: FleetPart) -> dict[str, Any]:
    table: dict[Why, int] = {}
    rows = [
        [
            row.instance,
            row.name,
            _day(row.since),
            _day(row.captured),
            table.setdefault(row.why, len(table)),
            _day(row.old_on),
        ]
        for row in part.rows
    ]
    body: dict[str, Any] = {
        "account": part.account,
        "region": part.region,
        "day": part.day.isoformat(),
        "part": part.part,
        "parts": part.parts,
        "reasons": [[why.reason.value, why.hunt, why.detail] for why in table],
        "rows": rows,
    }
    return body | ({"unread": [part.unread.value, part.unread_why]} if part.unread else {})


def part_of(record: Record) -> FleetPart:
    body = record.body
    reasons = [Why(_reason(reason), hunt, detail) for reason, hunt, detail in body["reasons"]]
    unread = body.get("unread")
    return FleetPart(
        account=body["account"],
        region=body["region"],
        day=date.fromisoformat(body["day"]),
        rows=tuple(
            FleetRow(instance, reasons[why], name, _date(since), _date(captured), _date(old_on))
            for instance, name, since, captured, why, old_on in body["rows"]
        ),
        part=body["part"],
        parts=body["parts"],
        unread=Unread(unread[0]) if unread else None,
        unread_why=unread[1] if unread else "",
    )


def _reason(text: str) -> Reason:
    """A later version may know more of them."""
    return Reason(text) if text in tuple(Reason) else Reason.UNCLEAR


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
