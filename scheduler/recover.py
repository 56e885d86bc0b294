"""Alarms whose webhook never came: what the platform knows is compared with the events that were received.

The platform calls once, and may call into the void. Evidence with alarms goes in; an event of kind
`recovered` comes out for every processing run that no event told of. The platform is only read.
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
from scheduler.round_robin import round_robin
from shared.failures import SomeFailed
from shared.hosting.runtime import Runtime
from shared.models.alarms import AlarmRun
from shared.models.codec import dump
from shared.models.event_kinds import RECOVERED, UNKNOWN_EVENT
from shared.models.events import Event
from shared.models.evidence import Evidence, Project
from shared.models.severity import Severity
from shared.platform.errors import CadoError
from shared.queues import items
from shared.secrets import SecretError
from shared.storage import kinds

log = logging.getLogger(__name__)

# Of the platform's events, those that tell of alarms whatever they were counted to be.
_TELL_ALL = ("processing_with_alarms", "high_severity_alarm", RECOVERED, UNKNOWN_EVENT)
# By default an alarm is taken for lost at the look after the one that first saw it. A timer may ring early.
_NEXT_LOOK = 0.75


def recover(runtime: Runtime) -> None:
    """One look at every project that is watched. Safe to run at any time and more than once."""
    try:
        look_for_lost(runtime)
    except (CadoError, SecretError, SomeFailed) as error:
        log.warning("lost alarms cannot be looked for now: %s", error)


def look_for_lost(runtime: Runtime) -> None:
    """The same; raises SomeFailed after the others were looked at, SecretError, and DeadlineExceeded."""
    if runtime.config.platform.api_version == "v2":
        return  # it tells no alarms of an evidence
    look = _Look(runtime)
    looks: dict[str, Callable[[], object]] = {
        f"project {project_id:>12}": partial(look.at, project_id) for project_id in look.projects()
    }
    if runtime.config.follow.all_projects:
        looks["the other projects"] = look.at_others
    round_robin(runtime.ledger, "recover", looks, lambda name: looks[name](), lambda name: name)


class _Look:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._ledger = runtime, runtime.ledger
        self._now = runtime.now()
        self._hunted: set[int] = set()
        follow = runtime.config.follow
        grace = follow.interval * _NEXT_LOOK if follow.recover_after is None else follow.recover_after
        # A webhook that came in may still wait to be routed: what came before the oldest of those is known.
        oldest = runtime.events.depth().oldest
        self._overdue = min(self._now, oldest or self._now) - timedelta(seconds=grace)

    def projects(self) -> Iterator[int]:
        """Those that huntbridge opened, until some time after their hunt."""
        keep = timedelta(seconds=self._runtime.config.follow.recover_for)
        for project_id, found in self._ledger.hunts.checked_projects().items():
            hunt = corrected_hunt(self._ledger, found, self._now)
            if hunt.finished_at and self._now - hunt.finished_at > keep:
                self._ledger.hunts.stop_checking(project_id)
            else:
                self._hunted.add(project_id)
                yield project_id

    def at(self, project_id: int, *, all_told: bool = False) -> bool:
        """False where something in it still waits. `all_told`: what is there is no news."""
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
        """Alarms may show while their processing goes on, and the webhook comes when it has ended."""
        pipelines = self._runtime.cado.pipelines(project_id)
        busy = {pipeline.evidence_id for pipeline in pipelines if not pipeline.ended}
        for run, evidence in lost:
            if evidence.id not in busy:
                self._raise(run, evidence)

    def _raise(self, run: AlarmRun, evidence: Evidence) -> None:
        # The event first: a crash in between raises it again, which its id makes harmless.
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
        self._runtime.events.put(items.own_event(dump(event)), id=event.id)
        self._ledger.events.save_alarm_run(replace(run, told=True))
        log.warning(
            "no webhook came for the alarms in project %d, evidence %d: recovered",
            run.project_id,
            run.evidence_id,
        )

    @property
    def _platform(self) -> str:
        """Ids begin again on another platform."""
        return hashlib.sha256(self._runtime.config.platform.url.encode()).hexdigest()[:8]

    def at_others(self) -> None:
        """Every other project in which something has changed. What was there at the first look is no news."""
        about = f"{kinds.PROJECT_NOTES} {self._platform}"
        began = self._ledger.notes.get(about, "all")
        for project in self._runtime.cado.projects():
            if project.id in self._hunted or not _may_have_alarms(project):
                continue
            state, seen = _state(project), self._ledger.notes.get(about, str(project.id))
            if seen != state and self.at(project.id, all_told=not (began or seen)):
                self._ledger.notes.save(about, str(project.id), state)
        if not began:
            self._ledger.notes.save(about, "all", {"since": self._now.isoformat()})


def _by_evidence(events: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["evidence_id"] is not None:
            found[event["evidence_id"]].append(event)
    return found


def _now_known(
    before: AlarmRun | None, evidence: Evidence, events: list[dict[str, Any]], project_id: int, now: datetime
) -> AlarmRun:
    """The evidence's last run. An event tells of one run alone: which ones told of the runs before is written
    down, because the platform's clock and this one's are not compared. One that was merged into another told
    nobody of anything, and counts as that one."""
    name = f"{evidence.processed_at.timestamp():.0f}" if evidence.processed_at else "-"
    same = before if before and before.run == name else None
    earlier = before.events if before else ()
    tell = [event["merged_into"] or event["id"] for event in events if _tells(event, evidence)]
    told = bool(same and same.told) or any(id not in earlier for id in tell)
    return AlarmRun(
        project_id=project_id,
        evidence_id=evidence.id,
        run=name,
        seen_at=min(same.seen_at, now) if same else now,  # a clock that stepped back must not delay it
        told=told,
        events=tuple(sorted({*earlier, *tell})) if told else earlier,
    )


def _tells(event: dict[str, Any], evidence: Evidence) -> bool:
    """A word of suspicious events alone does not tell of malicious ones, and what only a text says of the
    evidence tells of nothing."""
    if not event.get("confirmed", True):  # what was written before there was this is taken as it was then
        return False
    if event["kind"] in _TELL_ALL or event["severity"] == Severity.MALICIOUS:
        return True
    suspicious = event["severity"] == Severity.SUSPICIOUS or event["kind"] == "suspicious_severity_event"
    return suspicious and not evidence.malicious


def _may_have_alarms(project: Project) -> bool:
    return (project.malicious, project.suspicious) != (0, 0)


def _state(project: Project) -> dict[str, Any]:
    """What of a project changes when something in it does."""
    updated = project.updated_at.isoformat() if project.updated_at else None
    return {"malicious": project.malicious, "suspicious": project.suspicious, "updated_at": updated}
