"""The state of the simulated platform, and how it changes with time.

It speaks no HTTP, reads no clock and starts no thread. The caller passes the time (Unix seconds) and holds
`lock`. What webhooks have to report is appended to `occurrences`.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count

from demo.platform.acquiring import PROCESS, Steps, acquisitions, collected
from demo.platform.custom_rules import CustomRules
from demo.platform.records import (
    MALICIOUS,
    SUSPICIOUS,
    About,
    Alarm,
    Evidence,
    Import,
    Machine,
    Occurrence,
    Pipeline,
    Project,
    SimAlarm,
    SimInstance,
    SimSystem,
    Step,
    User,
)


class NameTaken(Exception):
    """A project of this name exists already."""


class World:
    """The platform's state. Not thread-safe: hold `lock` around every call."""

    def __init__(self, fleet: Sequence[Machine], *, workers: int, pace: float, rng: random.Random) -> None:
        self.lock = threading.RLock()
        self.fleet = {(i.account, i.region, i.instance_id): i for i in fleet if isinstance(i, SimInstance)}
        self.systems = {s.instance_id: s for s in fleet if isinstance(s, SimSystem)}  # of other kinds
        # The accounts by their names, each with its provider.
        self.accounts = {"Default": "aws"} | {machine.account: machine.provider for machine in fleet}
        self.about = About()
        self.named_pipelines = True  # otherwise those of other kinds than EC2 are only called by their kind
        self.workers = workers
        self.rules = CustomRules(self.about)
        self.projects: dict[int, Project] = {}
        self.pipelines: dict[int, Pipeline] = {}
        self.evidences: dict[int, Evidence] = {}
        self.alarms: list[Alarm] = []
        self._evidences_of: defaultdict[int, list[Evidence]] = defaultdict(list)  # by project
        self._alarms_of: defaultdict[int, list[Alarm]] = defaultdict(list)  # by project
        self._hunts_of: defaultdict[str, list[int]] = defaultdict(list)  # projects by machine
        self.asked: Counter[str] = Counter()
        self.occurrences: deque[Occurrence] = deque()
        self._pace, self._rng = pace, rng
        self._running: list[Pipeline] = []
        self._queued: deque[Pipeline] = deque()
        # Ids of different ranges, so that an id used in the wrong place finds nothing.
        self._ids = {"project": count(11), "evidence": count(31), "pipeline": count(301), "alarm": count(901)}

    def open_project(self, name: str, description: str, now: float) -> Project:
        """Raises NameTaken."""
        if any(p.name == name for p in self.projects.values()):
            raise NameTaken(name)
        project = Project(next(self._ids["project"]), name, description, now, now)
        self.projects[project.id] = project
        return project

    def acquire(self, project: Project, asked: Import, user: User, now: float) -> list[Pipeline]:
        """Start what acquires a system: one pipeline, or one for each disk."""
        asked = replace(asked, instance=self._in_hunt(asked.instance, project))
        self.asked[asked.instance.instance_id] += 1
        project.last_acquisition = project.last_update = now
        started = [
            self._pipeline(
                each.type, each.steps, project.id, user, now,
                name=each.name, fails=each.fails, asked=each.asked, in_one=each.in_one,
            )
            for each in acquisitions(asked, named=self.named_pipelines)
        ]  # fmt: skip
        self._start_queued(now)
        return started

    def process_again(self, evidence: Evidence, user: User, now: float) -> Pipeline:
        pipeline = self._pipeline(
            "processing", PROCESS, evidence.project_id, user, now,
            evidence_id=evidence.id, finds=evidence.holds,
        )  # fmt: skip
        self._start_queued(now)
        return pipeline

    def plant(self, instance_id: str, *alarms: SimAlarm) -> None:
        """Add alarms to the first volume of a machine. Captures that are asked for from now on find them.
        Raises LookupError if there is no such machine with a volume."""
        if (system := self.systems.get(instance_id)) and system.volumes:
            root, *others = system.volumes
            root = replace(root, alarms=(*root.alarms, *alarms))
            self.systems[instance_id] = replace(system, volumes=(root, *others))
            return
        for place, machine in self.fleet.items():
            if machine.instance_id == instance_id and machine.volumes:
                root, *others = machine.volumes
                root = replace(root, alarms=(*root.alarms, *alarms))
                self.fleet[place] = replace(machine, volumes=(root, *others))
                return
        raise LookupError(instance_id)

    def _in_hunt(self, machine: Machine, project: Project) -> Machine:
        """The machine with the alarms that this hunt finds: each project that captures it is one hunt."""
        hunts = self._hunts_of[machine.instance_id]
        if project.id not in hunts:
            hunts.append(project.id)
        hunt = hunts.index(project.id) + 1
        volumes = (
            replace(volume, alarms=tuple(alarm for alarm in volume.alarms if alarm.found_in(hunt)))
            for volume in machine.volumes
        )
        vulnerabilities = tuple(each for each in machine.vulnerabilities if each.found_in(hunt))
        return replace(machine, volumes=tuple(volumes), vulnerabilities=vulnerabilities)

    def abort(self, pipeline: Pipeline, now: float) -> None:
        if pipeline.ended:
            return
        pipeline.aborted = True
        self._cancel_rest(pipeline, now)
        if pipeline in self._running:
            self._running.remove(pipeline)
        else:
            self._queued.remove(pipeline)
        pipeline.state = "cancelled"
        self._start_queued(now)

    def next_due(self) -> float | None:
        """The time at which the next step ends; None if no pipeline is running."""
        return min((p.due for p in self._running), default=None)

    def advance(self, now: float) -> None:
        """End every step that is due by `now`, in order. How often this is called changes nothing."""
        while self._running:
            pipeline = min(self._running, key=lambda p: (p.due, p.id))
            if (at := pipeline.due) > now:
                return
            self._end_step(pipeline, at)

    def add_evidence(self, evidence: Evidence) -> None:
        self.evidences[evidence.id] = evidence
        self._evidences_of[evidence.project_id].append(evidence)

    def evidence_of(self, project_id: int) -> Sequence[Evidence]:
        return self._evidences_of.get(project_id, ())

    def alarms_of(self, project_id: int) -> Sequence[Alarm]:
        return self._alarms_of.get(project_id, ())

    def counts(self, project_id: int) -> tuple[int, int]:
        """The number of malicious and of suspicious alarms in a project."""
        of = self.evidence_of(project_id)
        return sum(e.malicious for e in of), sum(e.suspicious for e in of)

    def _pipeline(
        self,
        type: str,
        steps: Steps,
        project_id: int,
        user: User,
        now: float,
        *,
        name: str = "",
        fails: str = "",
        asked: Import | None = None,
        evidence_id: int | None = None,
        triggered_by: int | None = None,
        finds: tuple[SimAlarm, ...] = (),
        in_one: bool = False,
    ) -> Pipeline:
        timed = [Step(n, k, s * self._pace * self._rng.uniform(0.7, 1.3)) for n, k, s in steps]
        pipeline = Pipeline(
            next(self._ids["pipeline"]), type, name, project_id, user, now, timed,
            fails, evidence_id, triggered_by, asked, finds, in_one=in_one,
        )  # fmt: skip
        self.pipelines[pipeline.id] = pipeline
        self._queued.append(pipeline)
        return pipeline

    def _start_queued(self, now: float) -> None:
        while self._queued and len(self._running) < self.workers:
            pipeline = self._queued.popleft()
            pipeline.state, pipeline.started = "in_progress", now
            pipeline.steps[0].state, pipeline.steps[0].started = "RUNNING", now
            self._running.append(pipeline)

    def _end_step(self, pipeline: Pipeline, at: float) -> None:
        index = next(n for n, s in enumerate(pipeline.steps) if s.state == "RUNNING")
        step = pipeline.steps[index]
        step.finished = at
        if pipeline.fails and index == 1:
            step.state, step.text = "FAILURE", (f"Error: {pipeline.fails}",)
            self._cancel_rest(pipeline, at)
            self._end(pipeline, "failed", at)
            return
        step.state = "SUCCESS"
        if index + 1 == len(pipeline.steps):
            self._end(pipeline, "complete", at)
            return
        pipeline.steps[index + 1].state, pipeline.steps[index + 1].started = "RUNNING", at

    @staticmethod
    def _cancel_rest(pipeline: Pipeline, at: float) -> None:
        for step in pipeline.steps:
            if step.state in ("PENDING", "RUNNING"):
                step.state, step.finished = "CANCELLED", at if step.started else 0.0

    def _end(self, pipeline: Pipeline, state: str, at: float) -> None:
        pipeline.state = state
        self._running.remove(pipeline)
        self.projects[pipeline.project_id].last_update = at
        if pipeline.asked and state == "complete":
            self._collect(pipeline, pipeline.asked, at)
        elif pipeline.evidence_id:
            fails = pipeline.fails if state == "failed" else ""
            self._processed(self.evidences[pipeline.evidence_id], pipeline.finds, fails, at)
        self._start_queued(at)

    def _collect(self, acquisition: Pipeline, asked: Import, at: float) -> None:
        """Create the evidence and their processing pipelines. A scan raises its alarms at once."""
        for item in collected(asked):
            volume = item.volume
            evidence = Evidence(
                next(self._ids["evidence"]), acquisition.project_id, item.name, asked.instance,
                item.resource_id, item.resource_type, item.parent_id, volume.gb, at,
                triage=item.triage, account_type=item.account_type, holds=volume.alarms,
            )  # fmt: skip
            self.add_evidence(evidence)
            if asked.skip_processing:
                continue
            if acquisition.in_one:
                acquisition.evidence_id = evidence.id
            if asked.scan_only or acquisition.in_one:  # it has no separate processing
                self._processed(evidence, volume.alarms, "", at)
                continue
            self._pipeline(
                "processing", PROCESS, acquisition.project_id, acquisition.user, at, fails=volume.fails,
                evidence_id=evidence.id, triggered_by=acquisition.id, finds=volume.alarms,
            )  # fmt: skip

    def _processed(self, evidence: Evidence, finds: tuple[SimAlarm, ...], fails: str, at: float) -> None:
        where = f"in project id {evidence.project_id} evidence id {evidence.id}."
        if fails:
            self._tell("processing_failed", "PROCESSING FAILED", f"Processing failed {where} Error: {fails}")
            return
        finds = self.rules.found(finds, self.projects[evidence.project_id])
        self._forget_alarms(evidence)
        self._raise_alarms(finds, evidence, at)
        bad, odd = evidence.malicious, evidence.suspicious
        if total := sum(kind.count for kind in finds):
            self._tell(
                "processing_with_alarms", "PROCESSING WITH ALARMS",
                f"Processing finished with {total} alarms {where}",
            )  # fmt: skip
        if bad:
            self._tell(
                "high_severity_alarm", "HIGH SEVERITY ALARM DETECTED",
                f"{bad} high severity alarms detected {where}",
            )  # fmt: skip
        if odd:
            self._tell(
                "suspicious_severity_event", "SUSPICIOUS SEVERITY EVENT DETECTED",
                f"{odd} suspicious severity events detected {where}",
            )  # fmt: skip
        self._tell("processing_finished", "PROCESSING FINISHED", f"Processing finished {where}")

    def _forget_alarms(self, evidence: Evidence) -> None:
        """Processing an evidence again replaces what the last time found in it."""
        if evidence.processed is None:
            return
        evidence.malicious = evidence.suspicious = 0
        self.alarms = [alarm for alarm in self.alarms if alarm.evidence_id != evidence.id]
        left = [alarm for alarm in self._alarms_of[evidence.project_id] if alarm.evidence_id != evidence.id]
        self._alarms_of[evidence.project_id] = left

    def _raise_alarms(self, finds: Iterable[SimAlarm], evidence: Evidence, at: float) -> None:
        evidence.processed, evidence.items = at, evidence.gb * 1543
        for kind in finds:
            evidence.malicious += kind.count * (kind.severity == MALICIOUS)
            evidence.suspicious += kind.count * (kind.severity == SUSPICIOUS)
            digest = hashlib.sha256((kind.content or kind.path).encode()).hexdigest()
            for _ in range(kind.count):
                number = next(self._ids["alarm"])
                alarm = Alarm(
                    number,
                    evidence.project_id,
                    evidence.id,
                    evidence.name,
                    evidence.instance.hostname,
                    digest if kind.type == "content" else f"event-{number}",
                    kind,
                    at,
                )
                self.alarms.append(alarm)
                self._alarms_of[alarm.project_id].append(alarm)

    def _tell(self, event_type: str, title: str, text: str) -> None:
        self.occurrences.append(Occurrence(event_type, title, text))
