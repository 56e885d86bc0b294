"""Recovers alarms whose webhook never arrived: compares the platform's evidence with the received events.

The platform calls a webhook once, and does not repeat a call that failed. If a processing run found alarms
and no received event covers it, an event of kind `recovered` is raised. Nothing is changed on the platform.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from scheduler.clock_errors import corrected_hunt
from scheduler.own_events import raise_event
from scheduler.round_robin import round_robin
from shared.hosting.runtime import Runtime
from shared.models.alarms import AlarmRun
from shared.models.event_kinds import RECOVERED, UNKNOWN_EVENT
from shared.models.events import Event, RoutedEvent
from shared.models.evidence import Evidence, Project
from shared.models.severity import Severity
from shared.storage import kinds

log = logging.getLogger(__name__)

# Kinds of events that cover all alarms of an evidence, whatever severity the event names.
_COVER_ALL = ("processing_with_alarms", "high_severity_alarm", RECOVERED, UNKNOWN_EVENT)
# By default an alarm counts as lost at the check after the one that first saw it. The timer may fire early,
# so an alarm only needs to be older than this share of the interval.
_NEXT_CHECK = 0.75


def recover_lost_alarms(runtime: Runtime) -> None:
    """Check every watched project once. Safe to run at any time and more than once. Raises SecretError and
    DeadlineExceeded, and SomeFailed after the other projects were checked."""
    if runtime.config.platform.api_version == "v2":
        return  # v2 does not list the alarms of an evidence
    check = _Check(runtime)
    checks: dict[str, Callable[[], object]] = {
        f"project {project_id:>12}": partial(check.project, project_id)
        for project_id in check.hunted_projects()
    }
    if runtime.config.follow.all_projects:
        checks["the other projects"] = check.other_projects
    round_robin(runtime.ledger.notes, "recover", checks, lambda name: checks[name](), lambda name: name)


class _Check:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._ledger = runtime, runtime.ledger
        self._now = runtime.now()
        self._hunted: set[int] = set()
        follow = runtime.config.follow
        grace = follow.interval * _NEXT_CHECK if follow.recover_after is None else follow.recover_after
        # Every webhook that arrived before the oldest waiting one has been handled. So only alarms that were
        # first seen before that time can be called lost.
        oldest = runtime.events.depth().oldest
        self._overdue = min(self._now, oldest or self._now) - timedelta(seconds=grace)

    def hunted_projects(self) -> Iterator[int]:
        """The projects that huntbridge opened, each until `recover_for` after the end of its hunt."""
        keep = timedelta(seconds=self._runtime.config.follow.recover_for)
        for project_id, stored in self._ledger.hunts.checked_projects().items():
            hunt = corrected_hunt(self._ledger, stored, self._now)
            if hunt.finished_at and self._now - hunt.finished_at > keep:
                self._ledger.hunts.stop_checking(project_id)
            else:
                self._hunted.add(project_id)
                yield project_id

    def project(self, project_id: int, *, all_told: bool = False) -> bool:
        """Check one project. False if it has alarms for which a webhook may still arrive. `all_told`: record
        the present alarms as told, and raise nothing."""
        runs = self._ledger.events.alarm_runs(project_id)
        events = _by_evidence(self._ledger.events.of_project(project_id))
        lost = []
        waiting = False
        for evidence in self._runtime.cado.evidences(project_id):
            if not (evidence.malicious or evidence.suspicious):
                continue
            before = runs.get(evidence.id)
            run = _now_known(before, evidence, events[evidence.id], project_id, self._now)
            run = replace(run, told=True) if all_told else run
            if run != before:
                self._ledger.events.save_alarm_run(run)
            if not run.told:
                waiting = True
                if run.seen_at <= self._overdue:
                    lost.append((run, evidence))
        if lost:
            self._raise_ended(project_id, lost)
        return not waiting

    def _raise_ended(self, project_id: int, lost: list[tuple[AlarmRun, Evidence]]) -> None:
        """Raise the alarms whose processing has ended. The platform shows alarms during the processing, and
        sends the webhook at its end."""
        pipelines = self._runtime.cado.pipelines(project_id)
        busy = {pipeline.evidence_id for pipeline in pipelines if not pipeline.ended}
        for run, evidence in lost:
            if evidence.id not in busy:
                self._raise(run, evidence)

    def _raise(self, run: AlarmRun, evidence: Evidence) -> None:
        event = Event(
            id=f"{RECOVERED}:{self._platform}:{run.project_id}:{run.evidence_id}:{run.run}",
            kind=RECOVERED,
            received_at=self._now,
            project_id=run.project_id,
            evidence_id=run.evidence_id,
            malicious=evidence.malicious,
            suspicious=evidence.suspicious,
            instance=evidence.instance,
        )
        raise_event(self._runtime.events, event)
        self._ledger.events.save_alarm_run(replace(run, told=True))
        log.warning(
            "no webhook came for alarms: recovered",
            extra={"project": run.project_id, "evidence": run.evidence_id},
        )

    @property
    def _platform(self) -> str:
        """A short name of the platform. Two platforms may use the same ids."""
        return hashlib.sha256(self._runtime.config.platform.url.encode()).hexdigest()[:8]

    def other_projects(self) -> None:
        """Check every other project that has changed. Alarms that exist at the first check are not raised."""
        about = f"{kinds.PROJECT_NOTES} {self._platform}"
        began = self._ledger.notes.get(about, "all")
        for project in self._runtime.cado.projects():
            if project.id in self._hunted or not _may_have_alarms(project):
                continue
            state, seen = _state(project), self._ledger.notes.get(about, str(project.id))
            if seen != state and self.project(project.id, all_told=not (began or seen)):
                self._ledger.notes.save(about, str(project.id), state)
        if not began:
            self._ledger.notes.save(about, "all", {"since": self._now.isoformat()})


def _by_evidence(events: Iterable[RoutedEvent]) -> dict[int, list[RoutedEvent]]:
    by_evidence: dict[int, list[RoutedEvent]] = defaultdict(list)
    for event in events:
        if event.evidence_id is not None:
            by_evidence[event.evidence_id].append(event)
    return by_evidence


def _now_known(
    before: AlarmRun | None, evidence: Evidence, events: list[RoutedEvent], project_id: int, now: datetime
) -> AlarmRun:
    """The evidence's last processing run, and whether an event covers it. Each event covers one run. The
    events that covered earlier runs are stored, since the platform's clock and this machine's cannot be
    compared. A merged event counts as the event that it was merged into."""
    name = f"{evidence.processed_at.timestamp():.0f}" if evidence.processed_at else "-"
    same = before if before and before.run == name else None
    earlier = before.events if before else ()
    covering = [event.merged_into or event.id for event in events if _covers(event, evidence)]
    told = bool(same and same.told) or any(id not in earlier for id in covering)
    return AlarmRun(
        project_id=project_id,
        evidence_id=evidence.id,
        run=name,
        seen_at=min(same.seen_at, now) if same else now,  # in case the clock was set back
        told=told,
        events=tuple(sorted({*earlier, *covering})) if told else earlier,
    )


def _covers(event: RoutedEvent, evidence: Evidence) -> bool:
    """Whether an event covers the alarms of an evidence. An event about suspicious alarms does not cover
    malicious ones. An event that the platform did not confirm covers nothing."""
    if not event.confirmed:
        return False
    if event.kind in _COVER_ALL or event.severity == Severity.MALICIOUS:
        return True
    suspicious = event.severity == Severity.SUSPICIOUS or event.kind == "suspicious_severity_event"
    return suspicious and not evidence.malicious


def _may_have_alarms(project: Project) -> bool:
    return (project.malicious, project.suspicious) != (0, 0)


def _state(project: Project) -> dict[str, Any]:
    """Values that change when something in the project changes."""
    updated = project.updated_at.isoformat() if project.updated_at else None
    return {"malicious": project.malicious, "suspicious": project.suspicious, "updated_at": updated}
