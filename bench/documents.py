"""Documents of many made-up hunts, as the ledger writes them, and a database that is filled with them.

`python -m bench.documents DATA COUNT` writes so many into the database of a data directory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from shared.hosting.runtime import DATABASE
from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.cases import Case
from shared.models.codec import dump
from shared.models.coverage import CoveredSystem, Outcome
from shared.models.decisions import Closure, Verdict
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.events import Event, EventFacts, RoutedEvent
from shared.models.evidence import Finding
from shared.models.hunts import Hunt, HuntState, HuntTotals
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage import kinds

NOW = datetime(2026, 11, 29, 10, 42, tzinfo=UTC)
SYSTEMS = 1_000
_AT_ONCE = 10_000  # documents in a transaction
Document = tuple[str, str, str, dict[str, Any]]  # kind, group, name, body
T = TypeVar("T")


def system(number: int) -> System:
    return System(f"i-{number % SYSTEMS:017x}", "us-east-1", "prod")


def documents() -> Iterator[Document]:
    """Hunts without end, each a week before the one that was made before it, the systems first."""
    for number in range(SYSTEMS):
        captured = NOW - timedelta(days=number % 60)
        weeks = {f"{captured:%G-W%V}": {"weekly": Outcome.CLEAN}}
        covered = CoveredSystem(system(number), f"web-{number}", weeks, captured, captured, hunts=("weekly",))
        yield kinds.SYSTEM, "", system(number).key, dump(covered)
    hunt_number = 0
    while True:
        at = NOW - timedelta(hours=7 * hunt_number + 1)
        totals = HuntTotals(90, 10, 20, 20, 40)
        hunt = Hunt("weekly", at, HuntState.FINISHED, systems=100, totals=totals, finished_at=at)
        yield kinds.HUNT, hunt.name, hunt.id, dump(hunt)
        for number in range(100):
            yield from _system_of_hunt(hunt, hunt_number * 37 + number, at + timedelta(seconds=number))
        hunt_number += 1


def _system_of_hunt(hunt: Hunt, number: int, at: datetime) -> Iterator[Document]:
    machine = system(number)
    failed = number % 10 == 0
    state = CaptureState.FAILED if failed else CaptureState.PROCESSED
    reason = "the KMS key is disabled" if failed else ""
    capture = Capture(hunt.id, machine, state, requested_at=at, ended_at=at, reason=reason)
    yield kinds.CAPTURE, hunt.id, machine.key, dump(capture)
    if number % 5:
        return
    severity = Severity.MALICIOUS if number % 25 == 0 else Severity.SUSPICIOUS
    case_key = f"project/{hunt.scheduled_at:%Y%m%d%H}/{machine.key}"
    event = Event(f"event-{hunt.id}-{number}", "processing_with_alarms", at, "Alarms", project_id=11)
    findings = (
        Finding("Malicious File Detected: php_backdoor", 3, severity, ("T1505.003",), "/var/www/a.php"),
    )
    alarm = Alarm(event, severity, 1, 5, hunt=hunt, system=machine, findings=findings)
    is_open = number % 400 == 0
    closure = None if is_open else Closure("close", Verdict.BENIGN, "ada", at, "known")
    case = Case(alarm, ("soc", "office"), opened_at=at, last_at=at, alarms=1, closure=closure, system=machine)
    yield kinds.CASE_FILE, case_key, "-", dump(replace(case, title="1 malicious, 5 suspicious"))
    routed = RoutedEvent(
        id=event.id,
        kind=event.kind,
        severity=severity,
        evidence_id=4,
        to=("soc", "office"),
        at=at,
        case=case_key,
        facts=EventFacts("1 malicious, 5 suspicious", machine.key, f"web-{number}", hunt.id, 11, 1, 5),
    )
    yield kinds.EVENT, event.id, "routed", dump(routed)
    for destination in ("soc", "office"):
        dead = number % 20_000 == 0
        sent = DeliveryState.DEAD if dead else DeliveryState.DELIVERED
        delivery = Delivery(event.id, destination, sent, 1, "C1:2.3", first_at=at, last_at=at)
        yield kinds.DELIVERY, event.id, destination, dump(delivery)


class _InTransaction:
    """What the store needs of a database, inside a transaction that is open already."""

    def __init__(self, database: Database, db: Any) -> None:
        self._db = db
        self.read = database.read

    def write(self, change: Callable[[Any], T], *, durable: bool = True) -> T:
        return change(self._db)


def fill(database: Database, count: int) -> None:
    """Write the documents and their entries, ten thousand in a transaction."""
    made = islice(documents(), count)
    while batch := list(islice(made, _AT_ONCE)):

        def write(db: Any, batch: list[Document] = batch) -> None:
            store = SqliteStore(cast(Database, _InTransaction(database, db)))
            for kind, group, name, body in batch:
                store.put(kind, group, name, body)

        database.write(write, durable=False)


def main(data: str, count: str) -> None:
    Path(data).mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(Path(data) / DATABASE)
    fill(database, int(count))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
