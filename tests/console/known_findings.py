"""A house whose platform says where each alarm is, so that findings are recognised in later hunts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from receiver.assemble import handlers
from shared.models.alarms import Alarm
from shared.models.cases import Verdict
from shared.models.events import Event
from shared.models.evidence import Artefact
from tests.console import filled
from tests.console.conftest import Console

SYSTEM = "i-0aaaaaaaaaaaaaa04"
KEY = f"system/{SYSTEM}/1"


@dataclass
class Enricher(filled.Enricher):
    """Every finding has one place, where all its alarms are. Evidence 104 is of the same system as evidence
    4, of a later capture."""

    def enrich(self, event: Event) -> Alarm:
        alarm = super().enrich(replace(event, evidence_id=(event.evidence_id or 0) % 100))
        findings = tuple(
            replace(each, artefacts=(Artefact(each.path, each.count),)) for each in alarm.findings
        )
        malicious, suspicious = (each.count if each else 0 for each in (*findings, None, None)[:2])
        return replace(alarm, event=event, findings=findings, malicious=malicious, suspicious=suspicious)


class House(filled.House):
    def __init__(self, console: Console, text: str = "") -> None:
        super().__init__(console, text)
        self._captures = 0
        self.work = handlers(self.runtime, Enricher(text=text), dict(self.tools))

    def capture(self) -> None:
        """One more alarm about the system, a minute later. Each brings the same two findings."""
        self.pass_time(60)
        self.alarm(4 + 100 * self._captures)
        self._captures += 1

    def close(
        self, verdict: str = Verdict.BENIGN, why: str = "our own tool", **terms: str | list[str]
    ) -> str:
        """Close the case in the console. Returns what the page says."""
        form = {"do": "close", "verdict": verdict, "why": why, **terms}
        self.console.post(f"/cases/{KEY}", role="responder", data=form)
        self.run()
        return self.console.get(f"/cases/{KEY}", role="responder").get_data(as_text=True)

    def sent(self) -> int:
        return sum(len(tool.sent) for tool in self.tools.values())
