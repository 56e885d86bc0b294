"""An event: one thing that happened, as the webhook or huntbridge itself reports it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.models.hunts import HuntReport
from shared.models.severity import Severity
from shared.models.systems import System


@dataclass(frozen=True)
class Detection:
    """What a security product found, as the webhook names it."""

    name: str = ""  # such as Backdoor:EC2/C&CActivity.B!DNS
    severity: Severity | None = None  # None: the webhook names none that is known here
    said: str = ""  # the severity as it was written: high, 8.0
    resource: str = ""
    id: str = ""


@dataclass(frozen=True)
class Event:
    """One thing that happened. Every text in it may have been written by an attacker."""

    id: str
    kind: str
    received_at: datetime
    title: str = ""
    text: str = ""
    project_id: int | None = None
    evidence_id: int | None = None
    malicious: int | None = None
    suspicious: int | None = None
    alarms: int | None = None  # a count whose class the text did not name
    system: System | None = None
    hunt_id: str | None = None
    report: HuntReport | None = None  # only of hunt_finished
    note: str = ""  # what was wrong with the body, when something was
    instance: str = ""  # an EC2 instance id that the text names
    mended: bool = False  # what was told by an event of the same kind is over
    detection: Detection | None = None
    # Which project or evidence it is about is not sure: the body names several, or the platform another one.
    ambiguous: bool = False

    @property
    def named_malicious(self) -> bool:
        """Whether its kind or the detection that it names says so, whatever was counted."""
        detected = self.detection is not None and self.detection.severity is Severity.MALICIOUS
        return detected or self.kind == "high_severity_alarm"
