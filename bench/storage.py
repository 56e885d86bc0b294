"""How many bytes of the database an alarm takes: `python -m bench.storage`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from receiver.assemble import handlers
from receiver.destinations.contract import CaseRef, Check, Delivered, Outcome, Traits
from receiver.events.enrich import Enricher
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import Secrets

SYSTEMS = 1_000
START = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
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
        volume, name = f"vol-{number % SYSTEMS:017x}", f"web-{number % SYSTEMS}"
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
                "m5.large",
                "running",
                account_id=system.account,
                private_ip="10.0.3.17",
                launched_at=START,
                tags={"Name": name, "owner": "payments", "env": "prod"},
            ),
            system=system,
            findings=(
                Finding(
                    "Malicious File Detected: php_backdoor",
                    1,
                    Severity.MALICIOUS,
                    ("T1505.003",),
                    f"/var/www/html/uploads/{number}.php",
                ),
                Finding("Suspicious Cron Job", 3, Severity.SUSPICIOUS, ("T1053.003",)),
                Finding("Suspicious SSH Key", 1, Severity.SUSPICIOUS, ("T1098.004",)),
            ),
            link=self._link(found),
        )


class World:
    def __init__(self, folder: Path, *, known: bool) -> None:
        self.moment = START
        self.path = folder / "huntbridge.db"
        self.database = Database(self.path)
        self.database._levels = dict.fromkeys((True, False), "OFF")

        def seconds() -> float:
            return self.moment.timestamp()

        self.runtime = Runtime(
            config=Config.model_validate(CONFIG),
            store=SqliteStore(self.database),
            captures=SqliteQueue(self.database, "captures", seconds),
            events=SqliteQueue(self.database, "events", seconds),
            deliveries=SqliteQueue(self.database, "deliveries", seconds),
            secrets=Secrets({"KEY": "key"}),
            now=lambda: self.moment,
        )
        enricher = (Known if known else Enricher)(self.runtime.ledger, None, None, self.runtime.config)
        self.handlers = handlers(self.runtime, enricher, {"soc": Sink()})

    def alarm(self, number: int) -> None:
        """Receive one alarm and send its message."""
        body = {
            "event": "processing_with_alarms",
            "title": "Processing complete with alarms",
            "message": f"Processing of evidence {number * 10} completed in project id {number} with 5 alarms",
        }
        self.runtime.events.put(items.encode(items.Webhook(json.dumps(body).encode(), self.moment)))
        while work(self.runtime.events, self.handlers.event, lease=60) or work(
            self.runtime.deliveries, self.handlers.delivery, lease=60
        ):
            pass
