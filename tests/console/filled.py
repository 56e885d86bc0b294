"""Fills the console's store as production does: webhooks go through the real workers, to destinations that
answer as the test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from receiver.assemble import handlers
from receiver.destinations.contract import CaseRef, Check, Delivered, Outcome, Traits
from receiver.destinations.registry import traits_of
from receiver.events import enrich
from receiver.events.severity import severity_of
from receiver.messages.message import Message
from shared.config.config import Config
from shared.models.alarms import Alarm, Gap
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt, HuntState
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.queues import items
from shared.queues.worker import work
from shared.storage import audit
from tests.console.conftest import Console

# What a captured disk, a tag or a person may contain.
HOSTILE = (
    "<script>alert('owned')</script>\"'><img src=x onerror=alert(2)>{{7*7}}{% raw %}"
    "\u202e\u2066reversed\u200b\x07\x1b[31m\ud83d&lt;b&gt;javascript:alert(3)//" + "W" * 180
)
SETTINGS: dict[str, Any] = {
    "destinations": {
        "soc": {"type": "slack", "token": "env:T", "channel": "C0123456789"},
        "office": {"type": "teams", "webhook_url": "env:B"},
        "tickets": {
            "type": "jira",
            "url": "https://jira.acme.example",
            "email": "hunt@acme.example",
            "api_token": "env:T",
            "project": "SEC",
            "issue_type": "Task",
        },
    },
    "default": ["soc", "tickets"],
    "hunts": {
        "weekly": {
            "schedule": "cron(0 2 ? * SUN *)",
            "targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}],
        }
    },
}


@dataclass
class Tool:
    """A destination: `outcomes` are its next answers, then it accepts everything."""

    name: str
    traits: Traits
    ref: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        self.sent.append(message)
        return self.outcomes.pop(0) if self.outcomes else Delivered(self.ref)

    def edit(self, message: Message, case: CaseRef) -> Outcome:
        return Delivered(self.ref)

    def check(self) -> Check:
        return Check(True, "")


@dataclass
class Enricher(enrich.Enricher):
    """Knows of every alarm what the test says. `text` stands in every field that an attacker may write."""

    text: str = ""

    def enrich(self, event: Event) -> Alarm:
        number = event.evidence_id or 0
        name = self.text or f"web-{number:02}"
        instance = f"i-0aaaaaaaaaaaaaa{number:02}"
        words = self.text or "Malicious File Detected: php_backdoor"
        findings = (
            Finding(words, 3, Severity.MALICIOUS, ("T1505.003", words), self.text or "/var/www/x.php"),
            Finding(f"{words} again", 1, Severity.SUSPICIOUS, ("T1059.004",), self.text or "/var/log/x"),
        )
        found = bool(event.malicious or event.suspicious)
        return Alarm(
            event,
            severity_of(event, event.malicious, event.suspicious),
            event.malicious,
            event.suspicious,
            project=Project(event.project_id or 0, self.text or "weekly"),
            evidence=Evidence(number, event.project_id, self.text or "vol", hostname=name, instance=instance),
            instance=Instance(
                instance,
                "us-east-1",
                name=name,
                type=self.text or "m6i.large",
                tags={self.text or "Env": self.text or "prod"},
                security_groups=(self.text or "web (sg-1)",),
            ),
            system=System(instance, "us-east-1", "prod"),
            findings=findings if found else (),
            findings_total=len(findings) if found else 0,
            gaps=(Gap(self.text, self.text),) if self.text else (),
            link="https://cado.acme.example/projects/3",
        )


class House:
    """Workers for the queues of a console."""

    def __init__(self, console: Console, text: str = "") -> None:
        self.console, self.runtime = console, console.runtime
        config: Config = console.runtime.config
        self.tools = {name: Tool(name, traits_of(section)) for name, section in config.destinations.items()}
        if "tickets" in self.tools:
            self.tools["tickets"].ref = "SEC-412"
        self.work = handlers(self.runtime, Enricher(text=text), dict(self.tools))

    def alarm(self, evidence: int = 4, malicious: int = 5, suspicious: int = 1) -> str:
        """One webhook, handled to its end. Returns the key of its case."""
        text = (
            f"{malicious} malicious and {suspicious} suspicious alarms in project id 3 evidence id {evidence}"
        )
        body = f'{{"event": "processing_with_alarms", "title": "ALARMS", "message": "{text}"}}'.encode()
        id = self.runtime.events.put(items.encode(items.Webhook(body, self.runtime.now())))
        self.run()
        detail = self.runtime.queries.events.get(id)
        assert detail
        return detail.row.case

    def run(self) -> None:
        """Handle what is in the queues, as far as it is due."""
        for _ in range(50):
            worked = work(self.runtime.events, self.work.event, lease=60)
            if not work(self.runtime.deliveries, self.work.delivery, lease=60) and not worked:
                return

    def pass_time(self, seconds: float) -> None:
        self.console.forward(seconds)
        self.run()

    def audit(self) -> list[audit.Entry]:
        """The audit log, newest first."""
        return list(audit.newest(self.runtime.store, self.runtime.now()))

    def hunt(self, name: str = "weekly", *, state: HuntState = HuntState.FINISHED, **fields: Any) -> Hunt:
        """Record a run of a hunt that began an hour ago."""
        now = self.runtime.now()
        hunts = self.runtime.ledger.hunts
        hunt = hunts.open(replace(Hunt(name, now - timedelta(hours=1), systems=3), **fields))
        hunts.take_turn(hunt)
        return hunts.end(hunt.id, state, fields.get("reason", "")) if state is not HuntState.PLANNED else hunt
