"""A stage with a simulated Jira, in which a test plays a story."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from demo.jira.fields import Field
from demo.jira.records import Status, Transition
from demo.jira.simulation import Jira
from receiver.destinations.contract import Check
from receiver.events.enrich import Enricher
from shared.models.alarms import Alarm
from shared.models.deliveries import Delivery
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.severity import Severity
from tests.receiver.conftest import Stage
from tests.receiver.destinations.jira.site import CLOUD_ID, Wire

DAY = 86_400
GERMAN = (
    Status("Zu erledigen", "new"),
    Status("Done", "indeterminate"),  # its name contradicts its category
    Status("Erledigt", "done"),
)
WAYS = (
    Transition("5", "Abschliessen", "*", "Erledigt"),
    Transition("6", "Weiter", "Erledigt", "Done"),
    Transition("7", "Nochmal", "Erledigt", "Zu erledigen"),
)
FINDINGS = tuple(
    Finding(f"Malicious File Detected: family_{n}", 60 - n, Severity.MALICIOUS, ("T1496",), f"/srv/{n}.php")
    for n in range(12)
)
INFO = b'{"event": "processing_finished", "message": "No alarms in project id 3 evidence id 4"}'


@dataclass
class Enriched(Enricher):
    """The stage's enricher, with more facts."""

    before: Enricher
    more: dict[str, Any] = field(default_factory=dict)

    def enrich(self, event: Event) -> Alarm:
        link = f"https://cado.example/projects/3?evidence={event.evidence_id}"
        return replace(self.before.enrich(event), link=link, **self.more)


@dataclass
class Story:
    stage: Stage
    jira: Jira
    wire: Wire
    enriched: Enriched

    def alarm(self, number: int = 5) -> str:
        return self.stage.receive(
            b'{"event": "high_severity_alarm", "message": "%d high severity alarms in project id 3 '
            b'evidence id 4"}' % number
        )

    def told(self, number: int = 5) -> Delivery:
        """Receive an alarm and work everything. Returns its delivery."""
        id = self.alarm(number)
        self.stage.run_all()
        return self.delivery(id)

    def delivery(self, id: str) -> Delivery:
        return self.stage.runtime.ledger.deliveries.get(id, "tickets")

    def check(self) -> Check:
        return self.stage.tools["tickets"].check()


BOTH = pytest.mark.parametrize(
    "where",
    [{}, {"cloud_id": CLOUD_ID}, {"datacenter": True}, {"datacenter": True, "path": "/jira"}],
    ids=["cloud", "gateway", "data center", "context path"],
)

TEAM = Field("customfield_10010", "Team", "option", custom="select", allowed=("Red", "Blue"))
