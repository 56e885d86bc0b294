"""How long the console's screens take from 2,000 documents and from a million: `python -m bench.console`.

The documents are those of many made-up hunts: events, deliveries, captures, cases and systems as the ledger
writes them, with their index entries. The figure is the server's time for a page, at the 95th percentile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from werkzeug.test import Client

from console.app import create_app
from console.assemble import sign_in
from console.context import ConsoleContext
from console.identity import Role, User
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
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
from shared.secrets import Secrets
from shared.storage import indexes, kinds

NOW = datetime(2026, 11, 29, 10, 42, tzinfo=UTC)
SYSTEMS = 1_000
SCREENS = ("/", "/cases", "/hunts", "/coverage", "/deliveries", "/rules", "/settings")
LOOKS = 40  # at each screen
LIMIT = 0.1  # seconds, at the 95th percentile
CONFIG = {
    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
    "destinations": {
        "soc": {"type": "slack", "webhook_url": "env:KEY"},
        "office": {"type": "teams", "webhook_url": "env:KEY"},
    },
    "default": ["soc"],
    "hunts": {
        "weekly": {
            "schedule": "cron(0 2 ? * SUN *)",
            "targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}],
        }
    },
}
Document = tuple[str, str, str, dict[str, Any]]  # kind, group, name, body


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


def fill(database: Database, count: int) -> None:
    """Write the documents and their entries, ten thousand in a transaction."""
    made = islice(documents(), count)
    while batch := list(islice(made, 10_000)):
        rows = [(kind, group, name, 1, json.dumps(body)) for kind, group, name, body in batch]
        entries = [
            (entry.index, entry.position, kind, group, name)
            for kind, group, name, body in batch
            for entry in indexes.entries(kind, group, name, json.loads(json.dumps(body)))
        ]

        def write(db: Any, rows: list[Any] = rows, entries: list[Any] = entries) -> None:
            db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", entries)

        database.write(write)


def client_of(runtime: Runtime, folder: Path) -> Client:
    sign = sign_in(runtime, folder, operator="ada")
    client = create_app(ConsoleContext(runtime, "bench"), sign).test_client()
    client.set_cookie("huntbridge-80", sign.sessions.start(User("ada", Role("administrator"), "the bench")))
    return client


def screens(client: Client) -> list[str]:
    """Every screen, also one case and one run."""
    more = []
    for path, prefix in (("/cases", 'href="/cases/'), ("/hunts", 'href="/hunts/')):
        text = client.get(path).get_data(as_text=True)
        more += [prefix[6:] + part.partition('"')[0] for part in text.split(prefix)[1:2]]
    return [*SCREENS, *more]


def times(count: int) -> dict[str, float]:
    """The 95th percentile of the seconds for each screen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(folder / "huntbridge.db")
        began = time.monotonic()
        fill(database, count)
        print(f"{count:,} documents written in {time.monotonic() - began:.0f} s", file=sys.stderr)
        runtime = Runtime(
            config=Config.model_validate(CONFIG),
            store=SqliteStore(database),
            captures=SqliteQueue(database, "captures"),
            events=SqliteQueue(database, "events"),
            deliveries=SqliteQueue(database, "deliveries"),
            secrets=Secrets({"KEY": "key"}),
            now=lambda: NOW,
        )
        client, result = client_of(runtime, folder), {}
        for path in screens(client):
            taken = []
            for _ in range(LOOKS):
                began = time.perf_counter()
                answer = client.get(path)
                taken.append(time.perf_counter() - began)
                assert answer.status_code == 200, (path, answer.status_code)
            result[path] = statistics.quantiles(taken, n=20)[-1]
        database.close()
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    options = parser.parse_args()
    few, many = times(2_000), times(options.documents)
    print(f"{'screen':<50} {'2,000':>10} {options.documents:>10,}   ratio")
    for path, slow in zip(many, many.values(), strict=True):
        quick = list(few.values())[list(many).index(path)]
        print(f"{path[:50]:<50} {quick * 1e3:>7.1f} ms {slow * 1e3:>7.1f} ms   {slow / quick:.2f}")
    late = {path: round(seconds, 3) for path, seconds in many.items() if seconds > LIMIT}
    sys.exit(f"slower than {LIMIT * 1e3:.0f} ms: {late}" if late else 0)


if __name__ == "__main__":
    main()
