"""How large the database is after a simulated year: `python -m bench.storage`.

One process receives alarms day by day, tells each at one destination, and runs the timer's job that deletes
what has expired. The clock is simulated. The figures are bytes an alarm and the documents of each kind. In
one year nobody closes a case; in the others nine of ten are closed after a week, which tells people again. In
the last one the platform knows everything about each alarm, and in the others it cannot be reached.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from receiver.assemble import case_decisions, handlers
from receiver.destinations.contract import CaseRef, Check, Delivered, Outcome, Traits
from receiver.events.enrich import Enricher
from receiver.messages.message import Message
from scheduler.expire import expire
from shared.config.config import Config
from shared.hosting.runtime import DATABASE, Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.decisions import Verdict
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.people import Person
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import Secrets
from shared.storage import indexes

SYSTEMS = 1_000
START = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
ADA = Person("ada", "the bench")
CONFIG = {
    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
    "destinations": {"soc": {"type": "slack", "webhook_url": "env:KEY", "pace": 10_000}},
    "default": ["soc"],
}


class Sink:
    """A destination that takes every message."""

    name = "soc"
    traits = Traits()

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        return Delivered()

    def check(self) -> Check:
        return Check(True, "")


class Known(Enricher):
    """Knows of every alarm what a platform and EC2 say."""

    def enrich(self, event: Event) -> Alarm:
        number, at = event.project_id or 0, event.received_at
        system = System(f"i-{number % SYSTEMS:017x}", "us-east-1", "123456789012")
        volume, name = f"vol-{number % SYSTEMS:017x}", f"shop-{number % SYSTEMS}.acme.example"
        found = replace(event, evidence_id=number * 10)
        return Alarm(
            found,
            Severity.MALICIOUS,
            malicious=1,
            suspicious=4,
            project=Project(number, f"weekly {at:%Y-%m-%d}", 1, 4),
            evidence=Evidence(
                number * 10,
                number,
                f"{system.instance}-{volume}",
                hostname=name,
                resource=volume,
                resource_type="EBS",
                instance=system.instance,
                malicious=1,
                suspicious=4,
                processed_at=at,
            ),
            instance=Instance(
                system.instance,
                system.region,
                name,
                "c7g.xlarge",
                "running",
                account_id=system.account,
                private_ip=f"172.16.{number % 250}.{number % 199}",
                launched_at=START,
                tags={"Name": name, "Team": "shop", "CostCenter": "4711"},
            ),
            system=system,
            findings=(
                Finding(
                    "Malicious File Detected: linux_cryptominer",
                    1,
                    Severity.MALICIOUS,
                    ("T1496", "T1059.004"),
                    f"/opt/app-{number % 77}/tmp/.{number}",
                ),
                Finding("Hidden executable in a temporary folder", 3, Severity.SUSPICIOUS, ("T1564.001",)),
                Finding("Login from an unusual address", 1, Severity.SUSPICIOUS, ("T1078",)),
            ),
            link=self._link(found),
        )


class World:
    def __init__(self, folder: Path, *, known: bool, keep: Mapping[str, str] = {}) -> None:
        self.moment, self.path = START, folder / DATABASE
        self.database = Database(self.path)
        self.database._levels = dict.fromkeys((True, False), "OFF")  # it need not survive a power cut

        def seconds() -> float:
            return self.moment.timestamp()

        config = Config.model_validate(CONFIG | {"keep": keep})
        self.runtime = Runtime(
            config=config,
            store=SqliteStore(self.database, seconds, config.keep.days),
            captures=SqliteQueue(self.database, "captures", seconds),
            events=SqliteQueue(self.database, "events", seconds),
            deliveries=SqliteQueue(self.database, "deliveries", seconds),
            secrets=Secrets({"KEY": "key"}),
            now=lambda: self.moment,
            sleep=lambda _: None,
        )
        enricher = (Known if known else Enricher)(self.runtime.ledger, None, None, self.runtime.config)
        self.handlers = handlers(self.runtime, enricher, {"soc": Sink()})

    def day(self, first: int, count: int, *, closed: bool) -> None:
        """Receive alarms, close nine of ten cases of a week ago if `closed`, and delete what has expired."""
        for number in range(first, first + count):
            self.moment += timedelta(days=1) / count
            body = {
                "event": "processing_with_alarms",
                "title": "Processing has found something",
                "message": f"Evidence {number * 10} was processed in project id {number} with 5 alarms",
            }
            item = items.Webhook(json.dumps(body).encode(), self.moment)
            self.runtime.events.put(items.encode(item))
            self._work()
        week_ago = indexes.at(self.moment - timedelta(days=7))
        old = self.runtime.store.page(indexes.EVENTS, limit=count, until=week_ago).records
        for row in old if closed else ():
            case = self.runtime.ledger.cases.get(row.body["case"])
            if case and not case.closure and int(row.group, 16) % 10:
                case_decisions(self.runtime).close(row.body["case"], ADA, Verdict.BENIGN, "a planned test")
        self._work()
        expire(self.runtime)

    def _work(self) -> None:
        while work(self.runtime.events, self.handlers.event, lease=60) or work(
            self.runtime.deliveries, self.handlers.delivery, lease=60
        ):
            pass


@dataclass(frozen=True)
class Stored:
    alarms: int
    bytes: int
    documents: dict[str, int]  # by kind

    @property
    def bytes_an_alarm(self) -> float:
        return self.bytes / self.alarms


def year(
    *,
    known: bool = False,
    closed: bool = True,
    days: int = 365,
    each: int = 10,
    keep: Mapping[str, str] = {},
) -> Stored:
    """What is stored after `days` days with `each` alarms a day. `keep`: that section of the
    configuration."""
    with tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as made:
        world = World(Path(made), known=known, keep=keep)
        for number in range(days):
            world.day(1 + number * each, each, closed=closed)
        rows = world.database.read("SELECT kind, count(*) FROM documents GROUP BY kind ORDER BY 2 DESC", ())
        world.database.close()
        return Stored(days * each, world.path.stat().st_size, dict(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--each", type=int, default=10, help="alarms a day")
    options = parser.parse_args()
    logging.disable()  # a log line for each alarm says nothing here
    years: dict[str, dict[str, Any]] = {
        "no case is closed": {"closed": False},
        "cases are closed": {"closed": True},
        "cases are closed, and everything is known": {"closed": True, "known": True},
    }
    for about, how in years.items():
        stored = year(days=options.days, each=options.each, **how)
        print(f"{about}: {stored.bytes_an_alarm:,.0f} bytes an alarm, {stored.bytes / 1e6:.1f} MB")
        print("  " + ", ".join(f"{count:,} {kind}" for kind, count in stored.documents.items()))


if __name__ == "__main__":
    main()
