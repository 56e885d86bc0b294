"""Turns an Event into an Alarm: adds everything that can be found out within ten seconds.

The ledger knows the hunt and the capture, the platform knows the project, the evidence and the findings, EC2
knows the instance, and PagerDuty who is on duty. Every source is optional. If a source fails or is too slow,
the message names the missing facts; the alarm is never held back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from receiver.events.ask import Platform, Questions
from receiver.events.on_duty import DutyRoster
from receiver.events.own_hits import own_hits
from receiver.events.platform_over_webhook import reconcile_counts, reconcile_event
from receiver.events.severity import severity_of
from receiver.events.sources import Inquiry
from receiver.events.systems import Systems
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.inventory import InstanceFacts
from shared.models.owners import Owner, TeamsUser
from shared.models.systems import Instance
from shared.queues.waiting import InThisThread, Waiting
from shared.storage.ledger.ledger import Ledger


class Enricher:
    """Safe to use from several threads. Make only one: it holds the threads that ask the sources."""

    def __init__(
        self,
        ledger: Ledger | None,
        platform: Platform | None,
        ec2: InstanceFacts | None,
        config: Config,
        now: Callable[[], float] = time.monotonic,
        budget: float = 10.0,
        roster: DutyRoster | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        """A source that is None is not asked. `now` is a monotonic clock; `budget` is in seconds. `waiting`:
        how to wait for the sources; None if the thread may wait."""
        self._config, self._systems = config, Systems(config)
        self._ask = Questions(ledger, platform, ec2, self._systems, roster, (waiting or InThisThread()).event)
        self._now, self._budget = now, budget

    def enrich(self, event: Event) -> Alarm:
        """Never raises, and takes no longer than the budget.

        Queries that do not depend on each other run at the same time.
        """
        inquiry, ask = Inquiry(self._now, self._budget), self._ask
        asked_evidence = ask.evidence(inquiry, event)
        if event.project_id is None and (evidence := inquiry.answer(asked_evidence)):
            event = replace(event, project_id=evidence.project_id)
        asked = ask.about_project(inquiry, event)

        evidence = inquiry.answer(asked_evidence)
        named_project = event.project_id
        event, disagreements = reconcile_event(event, evidence)
        if event.project_id != named_project:
            asked = ask.about_project(inquiry, event)
        hunt = inquiry.answer(asked.hunt)
        capture = inquiry.answer(ask.capture(inquiry, event, hunt, evidence))
        # The pipelines that made an evidence have priority over every name.
        if asked_pipelines := ask.pipelines(inquiry, hunt, evidence, capture):
            pipelines = inquiry.answer(asked_pipelines)
            capture = inquiry.answer(ask.capture_of(inquiry, hunt, pipelines))
        system = self._systems.system(event, evidence, capture)
        asked_hits = ask.hits(inquiry, event, hunt)
        instance = inquiry.answer(ask.instance(inquiry, event, evidence, system))
        if instance is None and capture and capture.system == system:
            instance = capture.facts
        project = inquiry.answer(asked.project)
        findings = inquiry.answer(asked.findings) or ()
        detected = inquiry.answer(asked_hits) or ()
        hits = own_hits(detected, findings, hunt)

        counts = reconcile_counts(event, evidence, project, findings)
        severity = severity_of(event, counts.malicious, counts.suspicious)
        on_duty = inquiry.answer(ask.on_duty(inquiry, event, severity))
        return Alarm(
            event=event,
            severity=severity,
            malicious=counts.malicious,
            suspicious=counts.suspicious,
            hunt=hunt,
            capture=capture,
            project=project,
            evidence=evidence,
            instance=instance,
            system=system,
            findings=findings,
            hits=hits,
            gaps=inquiry.gaps(),
            link=self._link(event),
            owner=self._owner(instance),
            disagreements=(*disagreements, *counts.disagreements),
            on_duty=on_duty,
        )

    def _owner(self, instance: Instance | None) -> Owner | None:
        """The configured owner whose key is the whole value of the instance's owner tag."""
        key = self._config.owner_tag.lower()  # labels of Google are in lower case
        tags = instance.tags.items() if instance else ()
        tag = next((value for name, value in tags if name.lower() == key), "")
        owner = self._config.owners.get(tag)
        if owner is None:
            return None
        teams = TeamsUser(owner.teams.id, owner.teams.name) if owner.teams else None
        return Owner(slack=owner.slack or "", teams=teams, jira=owner.jira or "")

    def _link(self, event: Event) -> str:
        """A link into the platform, by the configured template. If the template needs an id that is not
        known, the link is the platform's URL."""
        url = self._config.platform.url
        link = self._config.platform.link.replace("{url}", url)
        for placeholder, id in (("{project_id}", event.project_id), ("{evidence_id}", event.evidence_id)):
            if placeholder in link and id is None:
                return url
            link = link.replace(placeholder, str(id))
        return link
