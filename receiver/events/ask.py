"""The queries about an alarm: which source is asked for what, and which events need no answer.

Each method starts a query and returns it. It returns None if there is nothing to ask, or no source to ask.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from receiver.events.on_duty import DutyRoster
from receiver.events.sources import Inquiry, OwnSource, Question, Source
from receiver.events.systems import Systems, instance_id_of, what_is_not_said, why_no_system
from shared.models.captures import Capture
from shared.models.event_kinds import HUNT_FINISHED, HUNT_MISSED, OWN_KINDS, TEST, is_audit
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.inventory import InstanceFacts
from shared.models.owners import Duty
from shared.models.severity import Severity
from shared.models.systems import Instance, Kind, System
from shared.platform.answers import DetectedIndicator, Pipeline
from shared.queues.waiting import MakeEvent
from shared.storage.ledger.ledger import Ledger

# Seconds for each source. The queries for evidence, capture and EC2 follow one another.
_LEDGER_TIME, _PLATFORM_TIME, _EC2_TIME, _ROSTER_TIME = 2.0, 5.0, 4.0, 3.0
# On one machine 32 alarms wait for the platform at once (cli/workers.py), each with up to three questions.
_MAX_PLATFORM_QUESTIONS = 96
_PROJECT_KEPT_FOR, _MAX_PROJECTS = 30.0, 50  # seconds, and projects
_NO_PLATFORM = "the platform is not set up"


class Platform(Protocol):
    """The part of the platform's API that is used here."""

    def project(self, project_id: int) -> Project: ...

    def evidence(self, evidence_id: int) -> Evidence: ...

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]: ...

    def pipelines_of_evidence(self, evidence_id: int) -> tuple[Pipeline, ...]: ...

    def detected(self, project_id: int, evidence_id: int | None = None) -> tuple[DetectedIndicator, ...]: ...


@dataclass(frozen=True)
class AboutProject:
    """The queries about a project."""

    hunt: Question[Hunt | None] | None
    project: Question[Project] | None
    findings: Question[tuple[Finding, ...]] | None


class Questions:
    """Safe to use from several threads. Make only one: it holds the threads that ask the sources."""

    def __init__(
        self,
        ledger: Ledger | None,
        platform: Platform | None,
        ec2: InstanceFacts | None,
        systems: Systems,
        roster: DutyRoster | None,
        event: MakeEvent,
    ) -> None:
        """A source that is None is not asked. `event`: makes what a handler can wait for."""
        self._ledger, self._platform, self._ec2, self._systems = ledger, platform, ec2, systems
        self._to_ledger = OwnSource("ledger", "the ledger", _LEDGER_TIME, threading.Event)
        self._to_platform = Source(
            "platform", "the platform", _PLATFORM_TIME, event, limit=_MAX_PLATFORM_QUESTIONS
        )
        self._projects: dict[int, tuple[float, Project]] = {}  # with the time when each was read
        self._to_ec2 = Source("ec2", "EC2", _EC2_TIME, event)
        self._roster = roster
        self._to_roster = Source("on-duty", "PagerDuty", _ROSTER_TIME, event)

    def evidence(self, inquiry: Inquiry, event: Event) -> Question[Evidence] | None:
        platform, evidence_id = self._platform, event.evidence_id
        if evidence_id is None:
            return None
        if platform is None:
            inquiry.add_gap("Evidence", _NO_PLATFORM)
            return None
        return inquiry.ask(self._to_platform, "Evidence", lambda: platform.evidence(evidence_id))

    def about_project(self, inquiry: Inquiry, event: Event) -> AboutProject:
        # The platform works on its answers while the ledger is read.
        project, findings = self._project(inquiry, event), self._findings(inquiry, event)
        return AboutProject(self._hunt(inquiry, event), project, findings)

    def capture(
        self, inquiry: Inquiry, event: Event, hunt: Hunt | None, evidence: Evidence | None
    ) -> Question[Capture | None] | None:
        ledger = self._ledger
        names_system = event.evidence_id is not None or instance_id_of(event, evidence)
        if ledger is None or hunt is None or not names_system or event.kind == HUNT_FINISHED:
            return None
        return inquiry.ask(
            self._to_ledger, "Capture", lambda: self._systems.capture(ledger, event, hunt, evidence)
        )

    def pipelines(
        self, inquiry: Inquiry, hunt: Hunt | None, evidence: Evidence | None, capture: Capture | None
    ) -> Question[tuple[Pipeline, ...]] | None:
        """The pipelines that made the evidence, if only they lead to its capture."""
        platform = self._platform
        if platform is None or evidence is None or hunt is None:
            return None
        is_certain = capture is not None and evidence.id in capture.evidence_ids
        if is_certain or not self._systems.may_be_of_another_kind(hunt, evidence):
            return None
        id = evidence.id
        return inquiry.ask(self._to_platform, "Capture", lambda: platform.pipelines_of_evidence(id))

    def capture_of(
        self, inquiry: Inquiry, hunt: Hunt | None, pipelines: tuple[Pipeline, ...] | None
    ) -> Question[Capture | None] | None:
        ledger = self._ledger
        if ledger is None or hunt is None or not pipelines:
            return None
        return inquiry.ask(
            self._to_ledger, "Capture", lambda: self._systems.capture_of(ledger, hunt, pipelines)
        )

    def instance(
        self, inquiry: Inquiry, event: Event, evidence: Evidence | None, system: System | None
    ) -> Question[Instance] | None:
        """What EC2 says about the instance. Other kinds of systems have the facts of their captures."""
        ec2 = self._ec2
        if event.kind in (HUNT_FINISHED, HUNT_MISSED) or is_audit(event.kind):
            return None
        if system is None:
            if why := why_no_system(event, evidence):
                inquiry.add_gap("Instance details", why)
            return None
        if system.kind is not Kind.EC2:
            inquiry.add_gap("System details", what_is_not_said(system))
            return None
        if ec2 is None:
            inquiry.add_gap("Instance details", "EC2 is not set up")
            return None
        return inquiry.ask(
            self._to_ec2,
            "Instance details",
            lambda: ec2.describe(system.instance, system.region, system.account),
            title=f"EC2 in {system.region}",
        )

    def hits(
        self, inquiry: Inquiry, event: Event, hunt: Hunt | None
    ) -> Question[tuple[DetectedIndicator, ...]] | None:
        """Only asked if the hunt had intelligence of one's own in force."""
        platform, project_id = self._platform, event.project_id
        if platform is None or project_id is None or event.kind in OWN_KINDS:
            return None
        if hunt is None or hunt.intelligence is None or not hunt.intelligence.hash:
            return None
        return inquiry.ask(
            self._to_platform,
            "Hits of your own indicators",
            lambda: platform.detected(project_id, event.evidence_id),
        )

    def on_duty(self, inquiry: Inquiry, event: Event, severity: Severity) -> Question[Duty | None] | None:
        roster = self._roster
        if roster is None or severity is not Severity.MALICIOUS or event.kind in OWN_KINDS:
            return None
        return inquiry.ask(self._to_roster, "On duty", roster.on_duty)

    def _hunt(self, inquiry: Inquiry, event: Event) -> Question[Hunt | None] | None:
        ledger, hunt_id, project_id = self._ledger, event.hunt_id, event.project_id
        if ledger is None:
            return None
        if hunt_id:
            return inquiry.ask(self._to_ledger, "Hunt", lambda: ledger.hunts.get(hunt_id))
        if project_id is not None:
            return inquiry.ask(self._to_ledger, "Hunt", lambda: ledger.hunts.of_project(project_id))
        return None

    def _project(self, inquiry: Inquiry, event: Event) -> Question[Project] | None:
        platform, project_id = self._platform, event.project_id
        if project_id is None:
            needs_none = event.kind in OWN_KINDS | {TEST} or is_audit(event.kind)
            if not (event.hunt_id or needs_none):
                inquiry.add_gap("Project", "the event names no project")
            return None
        if platform is None:
            inquiry.add_gap("Project", _NO_PLATFORM)
            return None
        counts_matter = event.evidence_id is None
        return inquiry.ask(
            self._to_platform, "Project", lambda: self._read_project(platform, project_id, counts_matter)
        )

    def _read_project(self, platform: Platform, project_id: int, counts_matter: bool) -> Project:
        """The project. Unless its counts matter, what was read a moment ago will do: many alarms that come
        together are of one project."""
        now = time.monotonic()
        read_at, project = self._projects.get(project_id, (now, None))
        if project is None or counts_matter or now - read_at > _PROJECT_KEPT_FOR:
            project = platform.project(project_id)
            self._projects = {
                **dict(list(self._projects.items())[-_MAX_PROJECTS:]),
                project_id: (now, project),
            }
        return project

    def _findings(self, inquiry: Inquiry, event: Event) -> Question[tuple[Finding, ...]] | None:
        platform, project_id = self._platform, event.project_id
        if platform is None or project_id is None or event.kind in OWN_KINDS:
            return None
        return inquiry.ask(
            self._to_platform, "Top alarms", lambda: platform.findings(project_id, event.evidence_id)
        )
