"""Event → Alarm: everything that can be found out within ten seconds, and a word on what cannot.

The ledger knows the hunt and the system, the platform the project, the evidence and what was found, EC2
the instance. None of them is needed, none is waited for longer than its time, and no failure of theirs
holds an alarm back: it becomes a gap that the message names.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from receiver.events.reconcile import counted, settled
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.http.deadlines import within
from shared.models.alarms import Alarm, Gap
from shared.models.captures import Capture
from shared.models.event_kinds import HUNT_FINISHED, HUNT_MISSED, OWN_KINDS, TEST
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.inventory import InstanceError, InstanceFacts
from shared.models.owners import Owner, TeamsUser
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.platform.errors import CadoError
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import StoreError

T = TypeVar("T")
log = logging.getLogger(__name__)

# Seconds that each source is given. Evidence, capture and EC2 are asked one after the other.
_LEDGER_TIME, _PLATFORM_TIME, _EC2_TIME = 2.0, 5.0, 4.0
_LEEWAY = 1.0  # seconds after that, until a call gives up by itself: its caller says first that it waited
# Requests to one source at a time; a source that hangs would otherwise gather threads with every alarm.
_MAX_REQUESTS = 32
# A source that let this many questions in a row time out is left alone for so many seconds: in a storm of
# alarms each of them would otherwise wait for it in vain.
_SILENT_AFTER, _SILENT_FOR = 6, 15.0


class Platform(Protocol):
    """The part of the platform's API that is asked here."""

    def project(self, project_id: int) -> Project: ...

    def evidence(self, evidence_id: int) -> Evidence: ...

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]: ...


def severity_of(event: Event, malicious: int | None, suspicious: int | None) -> Severity:
    """How bad an event is: by what was counted, by its kind, and by the detection that it names. The worst of
    these, so that none makes another one harmless."""
    named = event.detection.severity if event.detection else None
    if malicious or event.named_malicious:
        return Severity.MALICIOUS
    if suspicious or event.kind == "suspicious_severity_event" or named is Severity.SUSPICIOUS:
        return Severity.SUSPICIOUS
    if event.alarms:
        return Severity.UNKNOWN
    if event.kind == HUNT_FINISHED:
        report = event.report
        return Severity.UNKNOWN if report and (report.reason or report.with_alarms) else Severity.INFO
    if event.kind in ("processing_finished", TEST) or _is_audit(event):
        return Severity.INFO
    if named is Severity.INFO and event.kind.startswith("detection_"):
        return Severity.INFO
    return Severity.UNKNOWN


def _is_audit(event: Event) -> bool:
    return event.kind == "admin_login" or event.kind.startswith("audit_event_")


class Enricher:
    """Safe to use from several threads. Keep one: it holds the threads that ask the sources."""

    def __init__(
        self,
        ledger: Ledger | None,
        cado: Platform | None,
        ec2: InstanceFacts | None,
        config: Config,
        now: Callable[[], float] = time.monotonic,
        budget: float = 10.0,
    ) -> None:
        """A source that is None is not asked. `now` is a monotonic clock; `budget` is in seconds."""
        self._ledger, self._cado, self._ec2, self._config = ledger, cado, ec2, config
        self._now, self._budget = now, budget
        self._to_ledger = _Helpers("ledger", "the ledger", _LEDGER_TIME)
        self._to_platform = _Helpers("platform", "the platform", _PLATFORM_TIME)
        self._to_ec2 = _Helpers("ec2", "EC2", _EC2_TIME)

    def enrich(self, event: Event) -> Alarm:
        """Never raises, and takes no longer than the budget."""
        run = _Run(self._now, self._budget)
        asked_evidence = self._ask_evidence(run, event)
        if event.project_id is None and (found := run.answer(asked_evidence)):
            event = replace(event, project_id=found.project_id)
        asked = self._ask_about(run, event)

        evidence = run.answer(asked_evidence)
        told, event, disagreements = event, *settled(event, evidence)
        if event.project_id != told.project_id:
            asked = self._ask_about(run, event)
        hunt = run.answer(asked.hunt)
        capture = run.answer(self._ask_capture(run, event, hunt, evidence))
        system = self._system(event, evidence, capture)
        instance = run.answer(self._ask_instance(run, event, evidence, system))
        project = run.answer(asked.project)
        findings = run.answer(asked.findings) or ()

        counts = counted(event, evidence, project, findings)
        return Alarm(
            event=event,
            severity=severity_of(event, counts.malicious, counts.suspicious),
            malicious=counts.malicious,
            suspicious=counts.suspicious,
            hunt=hunt,
            capture=capture,
            project=project,
            evidence=evidence,
            instance=instance,
            system=system,
            findings=findings,
            gaps=run.gaps(),
            link=self._link(event),
            owner=self._owner(instance),
            disagreements=(*disagreements, *counts.disagreements),
        )

    def _owner(self, instance: Instance | None) -> Owner | None:
        """By the value of its tag, as the configuration knows it."""
        tag = self._config.owner_tag
        value = instance.tags.get(tag, "") if instance else ""
        found = self._config.owners.get(value)
        if found is None:
            return None
        teams = TeamsUser(found.teams.id, found.teams.name) if found.teams else None
        return Owner(slack=found.slack or "", teams=teams, jira=found.jira or "")

    # What is asked. Each returns None where there is nothing to ask, or nobody.

    def _ask_evidence(self, run: _Run, event: Event) -> _Job[Evidence] | None:
        cado, number = self._cado, event.evidence_id
        if number is None:
            return None
        if cado is None:
            run.miss("Evidence", "the platform is not set up")
            return None
        return run.ask(self._to_platform, "Evidence", lambda: cado.evidence(number))

    def _ask_about(self, run: _Run, event: Event) -> _Asked:
        """About the project that the event names."""
        hunt, project = self._ask_hunt(run, event), self._ask_project(run, event)
        return _Asked(hunt, project, self._ask_findings(run, event))

    def _ask_project(self, run: _Run, event: Event) -> _Job[Project] | None:
        cado, number = self._cado, event.project_id
        if number is None:
            if event.hunt_id or event.kind in OWN_KINDS | {TEST} or _is_audit(event):
                return None
            run.miss("Project", "the event names no project")
            return None
        if cado is None:
            run.miss("Project", "the platform is not set up")
            return None
        return run.ask(self._to_platform, "Project", lambda: cado.project(number))

    def _ask_findings(self, run: _Run, event: Event) -> _Job[tuple[Finding, ...]] | None:
        cado, number = self._cado, event.project_id
        if cado is None or number is None or event.kind in OWN_KINDS:
            return None
        return run.ask(self._to_platform, "Top alarms", lambda: cado.findings(number, event.evidence_id))

    def _ask_hunt(self, run: _Run, event: Event) -> _Job[Hunt | None] | None:
        ledger, hunt_id, number = self._ledger, event.hunt_id, event.project_id
        if ledger is None:
            return None
        if hunt_id:
            return run.ask(self._to_ledger, "Hunt", lambda: ledger.hunts.get(hunt_id))
        if number is not None:
            return run.ask(self._to_ledger, "Hunt", lambda: ledger.hunts.of_project(number))
        return None

    def _ask_capture(
        self, run: _Run, event: Event, hunt: Hunt | None, evidence: Evidence | None
    ) -> _Job[Capture | None] | None:
        ledger = self._ledger
        named = event.evidence_id is not None or _instance_id(event, evidence)
        if ledger is None or hunt is None or not named or event.kind == HUNT_FINISHED:
            return None
        return run.ask(self._to_ledger, "Capture", lambda: self._capture(ledger, event, hunt, evidence))

    def _ask_instance(
        self, run: _Run, event: Event, evidence: Evidence | None, system: System | None
    ) -> _Job[Instance] | None:
        ec2 = self._ec2
        if event.kind in (HUNT_FINISHED, HUNT_MISSED) or _is_audit(event):
            return None
        if system is None:
            why = _why_no_system(event, evidence)
            if why:
                run.miss("Instance details", why)
            return None
        if ec2 is None:
            run.miss("Instance details", "EC2 is not set up")
            return None
        return run.ask(
            self._to_ec2,
            "Instance details",
            lambda: ec2.describe(system.instance, system.region, system.account),
            who=f"EC2 in {system.region}",
        )

    # What the ledger and the configuration know about the machine

    def _capture(self, ledger: Ledger, event: Event, hunt: Hunt, evidence: Evidence | None) -> Capture | None:
        if event.hunt_id and event.system:
            return ledger.captures.get(hunt.id, event.system)
        instance, number = _instance_id(event, evidence), event.evidence_id

        def other(capture: Capture) -> bool:
            """Whether the evidence is known not to be of this capture; the platform's word goes before."""
            own = capture.evidence_ids
            return not (evidence and evidence.instance) and bool(own) and number not in (None, *own)

        for system in self._targets(instance):
            # One read where the hunt names its systems: reading all captures costs with every alarm.
            if (capture := ledger.captures.get(hunt.id, system)) and not other(capture):
                return capture
        captures = ledger.captures.of_hunt(hunt.id)
        same = [one for one in captures if one.system.instance == instance and not other(one)]
        return next(iter(same), None) or next((one for one in captures if number in one.evidence_ids), None)

    def _system(self, event: Event, evidence: Evidence | None, capture: Capture | None) -> System | None:
        """By the ledger, by the configuration, and at last by what the webhook says."""
        if event.hunt_id and event.system:
            return event.system
        if capture:
            return capture.system
        targets = self._targets(_instance_id(event, evidence))
        if len(targets) == 1:
            return targets[0]
        if event.system is None or event.system.region not in {*known_regions(), *self._config.extra_regions}:
            return None
        account = self._alias(evidence.account_id) if evidence else ""
        return replace(event.system, account=account)

    def _targets(self, instance: str) -> list[System]:
        found = [
            system
            for hunt in self._config.hunts.values()
            for system in hunt.systems
            if system.instance == instance
        ]
        return list(dict.fromkeys(found))

    def _alias(self, account_id: str) -> str:
        aliases = (alias for alias, account in self._config.accounts.items() if account.id == account_id)
        return next(aliases, "") if account_id else ""

    def _link(self, event: Event) -> str:
        """Into the platform, as deep as the configured template and the known ids allow."""
        url = self._config.platform.url
        link = self._config.platform.link.replace("{url}", url)
        for name, number in (("{project_id}", event.project_id), ("{evidence_id}", event.evidence_id)):
            if name in link and number is None:
                return url
            link = link.replace(name, str(number))
        return link


def _instance_id(event: Event, evidence: Evidence | None) -> str:
    named = event.system.instance if event.system else event.instance
    return (evidence.instance if evidence else "") or named


def _why_no_system(event: Event, evidence: Evidence | None) -> str:
    if instance := _instance_id(event, evidence):
        return f"the region of {instance} is not known: it is not in any hunt"
    if evidence:
        return "the platform does not say which instance the evidence is from"
    if event.evidence_id is not None:
        return "without the evidence it is not known which instance this is about"
    return "the event names no evidence, and so no instance" if event.project_id is not None else ""


# Asking with a time limit


@dataclass(frozen=True)
class _Asked:
    """The facts that the platform is asked for about a project."""

    hunt: _Job[Hunt | None] | None
    project: _Job[Project] | None
    findings: _Job[tuple[Finding, ...]] | None


class _Job(Generic[T]):
    """One question to one source. Its calls end soon after nobody waits for it any more."""

    def __init__(
        self, what: str, who: str, helpers: _Helpers, call: Callable[[], T], until: float, allowed: float
    ) -> None:
        self.what, self.who, self.helpers, self.call = what, who, helpers, call
        self.until, self.allowed = until, allowed
        self.done = threading.Event()
        self.value: T | None = None
        self.why = ""

    def run(self) -> None:
        try:
            with within(self.allowed + _LEEWAY):
                self.value = self.call()
        except (CadoError, InstanceError, StoreError) as error:
            self.why = str(error)
        except Exception as error:  # logged whole; the alarm goes on without this part
            log.exception("%s: asking %s failed unexpectedly", self.what, self.who)
            self.why = f"asking {self.who} failed unexpectedly ({type(error).__name__})"
        finally:
            self.done.set()


class _Helpers:
    """The threads that ask one source, made when they are needed and used again.

    They are daemons: unlike those of concurrent.futures, a hung one does not keep the process from ending.
    """

    def __init__(self, name: str, who: str, allowed: float, limit: int = _MAX_REQUESTS) -> None:
        self.who, self.allowed = who, allowed
        self._name, self._limit = name, limit
        self._jobs: SimpleQueue[_Job[Any]] = SimpleQueue()
        self._lock = threading.Lock()
        self._busy = self._threads = 0
        self._timeouts, self._last_timeout = 0, 0.0

    def silent(self, now: float) -> bool:
        """Whether it is not worth asking just now."""
        return self._timeouts >= _SILENT_AFTER and now - self._last_timeout < _SILENT_FOR

    def answered(self) -> None:
        self._timeouts = 0

    def timed_out(self, now: float) -> None:
        self._timeouts, self._last_timeout = self._timeouts + 1, now

    def start(self, job: _Job[Any]) -> bool:
        """False where the source is still busy with earlier requests."""
        with self._lock:
            if self._busy >= self._limit:
                return False
            self._busy += 1
            if self._busy > self._threads:
                try:
                    threading.Thread(target=self._work, name=f"enrich-{self._name}", daemon=True).start()
                except RuntimeError:  # the machine has no more threads to give
                    self._busy -= 1
                    return False
                self._threads += 1
        self._jobs.put(job)
        return True

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            job.run()
            del job  # an idle thread must not hold the last alarm
            with self._lock:
                self._busy -= 1


class _Run:
    """One alarm's questions, its deadline, and what could not be found out."""

    def __init__(self, now: Callable[[], float], budget: float) -> None:
        self._now, self._end = now, now() + budget
        self._gaps: dict[str, str] = {}

    def ask(self, helpers: _Helpers, what: str, call: Callable[[], T], who: str = "") -> _Job[T] | None:
        who = who or helpers.who
        start = self._now()
        allowed = min(helpers.allowed, self._end - start)
        if allowed <= 0:
            self.miss(what, f"no time was left to ask {who}")
            return None
        if helpers.silent(start):
            self.miss(what, f"{who} has not answered lately and was not asked")
            return None
        job = _Job(what, who, helpers, call, start + allowed, allowed)
        if not helpers.start(job):
            self.miss(what, f"{who} is still busy with earlier requests")
            return None
        return job

    def answer(self, job: _Job[T] | None) -> T | None:
        """What came back in time; otherwise a gap, and None from then on."""
        if job is None or job.what in self._gaps:
            return None
        if not job.done.wait(max(0.0, job.until - self._now())):
            job.helpers.timed_out(self._now())
            self.miss(job.what, f"{job.who} did not answer within {round(job.allowed, 1):g} s")
            return None
        job.helpers.answered()
        if job.why:
            self.miss(job.what, job.why)
            return None
        return job.value

    def miss(self, what: str, why: str) -> None:
        self._gaps.setdefault(what, why)

    def gaps(self) -> tuple[Gap, ...]:
        """One for each reason: a platform that is down is said once."""
        reasons: dict[str, list[str]] = {}
        for what, why in self._gaps.items():
            reasons.setdefault(why, []).append(what)
        return tuple(Gap(", ".join(whats).capitalize(), why) for why, whats in reasons.items())
