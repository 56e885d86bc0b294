"""An alarm: an event with everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.models.acknowledgements import Acknowledgement
from shared.models.captures import Capture
from shared.models.event_kinds import RECOVERED
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.models.systems import Instance, System


@dataclass(frozen=True)
class Gap:
    """Something that could not be found out, and why: the analyst is told both."""

    what: str
    why: str


@dataclass(frozen=True)
class Earlier:
    """What had been told of the same evidence and processing run before; 0 where no number was known."""

    event_id: str
    severity: Severity
    malicious: int = 0
    suspicious: int = 0
    total: int = 0


@dataclass(frozen=True)
class Change:
    """How an alarm differs from those before it on the same system."""

    first_at: datetime | None  # when its first alarm came; None: this is the first
    last_at: datetime | None  # when the one before this came
    new: int = 0  # how many kinds of alarm it has that none before it had
    new_kinds: tuple[str, ...] = ()  # the descriptions of some of those, worst first
    kinds: int = 0  # how many kinds this one has, new or not; 0 where they are not known
    hunts: int = 0  # how many of the last three hunts that captured it, before this one, are known
    with_alarms: int = 0  # in how many of them it had alarms


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
    findings_total: int = 0  # how many there are, where an item has no room for all of them
    gaps: tuple[Gap, ...] = ()
    link: str = ""  # into the platform; always its own origin
    earlier: Earlier | None = None  # this alarm adds to it, and is told as an update
    owner: Owner | None = None
    acknowledgement: Annotated[Acknowledgement | None, Field(alias="taken")] = None  # only of acknowledged
    case: str = ""  # the key of the case that it is about, where it is no alarm of its own
    change: Change | None = None
    disagreements: tuple[str, ...] = ()  # where the webhook says something else than the platform, in words
    may_repeat: bool = False  # what it says may have been told before

    @property
    def confirmed(self) -> bool:
        """Whether the platform itself says which evidence this is about, and what was found in it. What a
        text alone says decides neither that an alarm is a repeat nor that an evidence was told of."""
        known = self.evidence is not None and not self.event.ambiguous
        return known or self.event.kind == RECOVERED

    @property
    def case_key(self) -> str:
        """All alarms about one system in one project are one case."""
        if self.case:
            return self.case
        project = self.project.id if self.project else self.event.project_id
        if self.system:
            return f"project/{project or '-'}/{self.system.key}"
        if self.evidence and self.evidence.instance:
            return f"project/{project or '-'}/{self.evidence.instance}"
        return f"project/{project or '-'}/evidence/{self.event.evidence_id or self.event.id}"


@dataclass(frozen=True)
class AlarmRun:
    """One processing run that found something in one evidence, and whether anybody was told of it."""

    project_id: int
    evidence_id: int
    run: str  # when it was processed, as the platform says it
    seen_at: datetime  # by the clock of huntbridge
    told: bool = False
    events: tuple[str, ...] = ()  # about this evidence, and told of this run or of an earlier one
