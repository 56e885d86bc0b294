"""An event: one thing that happened, reported by a webhook or by huntbridge itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.models.hunts import HuntReport
from shared.models.severity import Severity
from shared.models.systems import System


@dataclass(frozen=True)
class Detection:
    """What a security product found, as the webhook describes it."""

    name: str = ""  # such as Backdoor:EC2/C&CActivity.B!DNS
    severity: Severity | None = None  # None: the webhook names none, or an unknown one
    said: str = ""  # the severity as the webhook writes it, such as high or 8.0
    resource: str = ""
    id: str = ""


@dataclass(frozen=True)
class Event:
    """One thing that happened. An attacker may have written any text in it."""

    id: str
    kind: str
    received_at: datetime
    title: str = ""
    text: str = ""
    project_id: int | None = None
    evidence_id: int | None = None
    malicious: int | None = None
    suspicious: int | None = None
    alarms: int | None = None  # a number of alarms whose severity the text does not say
    system: System | None = None
    hunt_id: str | None = None
    report: HuntReport | None = None  # only for hunt_finished
    note: str = ""  # what is wrong with the webhook's body, if anything
    instance: str = ""  # the id of an EC2 instance that the text names
    mended: bool = False  # the problem that an earlier event of this kind reported is solved
    detection: Detection | None = None
    # Its project or evidence is uncertain: the body names several, or the platform names another one.
    ambiguous: bool = False

    @property
    def named_malicious(self) -> bool:
        """Whether its kind or its detection is malicious, whatever the counts are."""
        detected = self.detection is not None and self.detection.severity is Severity.MALICIOUS
        return detected or self.kind == "high_severity_alarm"


@dataclass(frozen=True)
class EventFacts:
    """What a list shows of an event. Earlier versions did not store it."""

    title: str = ""  # of its message
    system: str = ""  # `System.lasting_key`; empty if the event is about no system
    name: str = ""  # the instance's name
    hunt_id: str = ""
    project_id: int | None = None
    malicious: int = 0
    suspicious: int = 0
    techniques: Mapping[str, int] = field(default_factory=dict)  # alarms by MITRE ATT&CK id
    known: int = 0  # findings that are known good, and so were not told
    muted: int = 0  # findings that are muted, and so were not told
    still: int = 0  # findings of an open case that were told before


@dataclass(frozen=True)
class RoutedEvent:
    """What is stored of an event after its alarm was put into the queues of its destinations."""

    id: str
    kind: str
    severity: Severity
    evidence_id: int | None
    to: tuple[str, ...]  # destinations
    at: datetime
    merged_into: str = ""  # the event whose message covers this one
    run: str = ""  # the processing run, as the platform says it
    case: str = ""  # the key of its case
    confirmed: bool = True  # see `Alarm.confirmed`; earlier versions did not store it
    mute: str = ""  # the id of the mute because of which nobody was told
    # Only in the document of the event itself, not in the one of its project.
    facts: EventFacts = EventFacts()
