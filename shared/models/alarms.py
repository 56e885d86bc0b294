"""An alarm: an event with everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.models.acknowledgements import Acknowledgement
from shared.models.captures import Capture
from shared.models.decisions import CaseDecision, Closure
from shared.models.event_kinds import RECOVERED
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.intelligence import Hit
from shared.models.judgements import Judgement
from shared.models.owners import Duty, Owner
from shared.models.severity import Severity
from shared.models.systems import Instance, System


@dataclass(frozen=True)
class Gap:
    """Something that could not be found out, and the reason. The message names both."""

    what: str
    why: str


@dataclass(frozen=True)
class Earlier:
    """What an earlier message said about the same evidence and processing run. An unknown number is 0."""

    event_id: str
    severity: Severity
    malicious: int = 0
    suspicious: int = 0
    total: int = 0


@dataclass(frozen=True)
class SentAgain:
    """Somebody had an event sent again to one destination."""

    event_id: str  # the event that was sent before
    by: str  # a name, which may be hostile text
    at: datetime


@dataclass(frozen=True)
class Change:
    """How an alarm differs from the earlier alarms on the same system."""

    first_at: datetime | None  # when the system had its first alarm; None: this is the first
    last_at: datetime | None  # when the system had its previous alarm
    new: int = 0  # how many of its kinds of alarm no earlier alarm had
    new_kinds: tuple[str, ...] = ()  # descriptions of some of these, worst first
    kinds: int = 0  # how many kinds of alarm it has, new or not; 0 if they are not known
    hunts: int = 0  # of the last three hunts that captured the system, how many are known
    with_alarms: int = 0  # in how many of these hunts it had alarms


@dataclass(frozen=True)
class GroupedAlarm:
    """One of several alarms about one system that one message tells of. An unknown number is None."""

    event_id: str
    severity: Severity
    malicious: int | None = None
    suspicious: int | None = None
    alarms: int | None = None  # as the webhook counts them, if nothing else is known
    evidence_id: int | None = None
    evidence: str = ""  # its name, such as that of a volume


@dataclass(frozen=True)
class Alarm:
    """An event with everything that is known about it."""

    event: Event
    severity: Severity
    malicious: int | None = None
    suspicious: int | None = None
    hunt: Hunt | None = None
    capture: Capture | None = None
    project: Project | None = None
    evidence: Evidence | None = None
    instance: Instance | None = None
    system: System | None = None
    findings: tuple[Finding, ...] = ()
    findings_total: int = 0  # how many findings there are, if a queue item has no room for all
    # One's own rules and indicators that the platform lists as hit, and that no finding names.
    hits: tuple[Hit, ...] = ()
    gaps: tuple[Gap, ...] = ()
    link: str = ""  # to the platform; always of the platform's own origin
    earlier: Earlier | None = None  # this alarm adds to it and is sent as an update
    owner: Owner | None = None
    # Only for an event of kind acknowledged.
    acknowledgement: Annotated[Acknowledgement | None, Field(alias="taken")] = None
    decision: CaseDecision | None = None  # only for an event about a decision, such as closed
    reopens: Closure | None = None  # how the case was closed that this alarm reopened
    sent_again: SentAgain | None = None
    # The key of its case, if that does not follow from its project and system: the alarm is about a case that
    # exists, or the case lives across hunts.
    case: str = ""
    judgement: Judgement | None = None  # which of its findings are new, and which are withheld
    change: Change | None = None
    disagreements: tuple[str, ...] = ()  # sentences on where the webhook contradicts the platform
    may_repeat: bool = False  # an earlier message may have said the same
    on_duty: Duty | None = None  # when the alarm came; only asked for malicious alarms
    # The alarms that this one was made of, in the order in which they came. Empty: it is one alarm.
    group: tuple[GroupedAlarm, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether the platform itself names the evidence and what was found in it. A text alone never decides
        that an alarm is a repeat or that people know of an evidence."""
        known = self.evidence is not None and not self.event.ambiguous
        return known or self.event.kind == RECOVERED

    @property
    def case_key(self) -> str:
        """The key of the alarm's case: all alarms about one system in one project are one case."""
        if self.case:
            return self.case
        project = self.project.id if self.project else self.event.project_id
        if self.system:
            return f"project/{project or '-'}/{self.system.lasting_key}"
        if self.evidence and self.evidence.instance:
            return f"project/{project or '-'}/{self.evidence.instance}"
        return f"project/{project or '-'}/evidence/{self.event.evidence_id or self.event.id}"


@dataclass(frozen=True)
class AlarmRun:
    """One processing run that found something in one evidence, and whether an event covers it."""

    project_id: int
    evidence_id: int
    run: str  # when the evidence was processed, as the platform says it
    seen_at: datetime  # by huntbridge's clock
    told: bool = False
    events: tuple[str, ...] = ()  # that covered this run or an earlier run of this evidence
