"""What the platform's API says about a project, its evidence and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.models.severity import Severity


@dataclass(frozen=True)
class Project:
    """The platform's container for the evidence of one hunt."""

    id: int
    name: str
    malicious: int | None = None
    suspicious: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Evidence:
    """What the platform made of a capture: one for each volume of the system. `instance` is the id of its EC2
    instance."""

    id: int
    project_id: int | None
    name: str
    hostname: str = ""
    os: str = ""
    size_mb: int | None = None
    resource: str = ""  # such as vol-080c44054f2073a7f
    resource_type: str = ""  # such as EBS
    instance: str = ""
    account_id: str = ""
    malicious: int | None = None
    suspicious: int | None = None
    processed_at: datetime | None = None
    disk_hash: str = ""
    preserved: str = ""  # path of the raw image


@dataclass(frozen=True)
class Artefact:
    """One place where alarms of a finding were raised."""

    path: str  # empty if the platform names none, as for an alarm about an event of a log
    count: int  # the alarms at this place
    contents: tuple[str, ...] = ()  # SHA-256 digests of the files that were found there, as hex digits
    # False for the alarms whose place or content is not known: the platform did not list them, or they are
    # more than are kept.
    listed: bool = True


@dataclass(frozen=True)
class Finding:
    """One row of the platform's alarm summary: a kind of alarm and how often it was raised."""

    description: str
    count: int
    severity: Severity
    attack: tuple[str, ...] = ()  # MITRE ATT&CK technique ids, such as T1496
    path: str = ""  # of the newest alarm, if the finding is malicious
    artefacts: tuple[Artefact, ...] = ()  # empty if the platform did not list the alarms

    @property
    def complete(self) -> bool:
        """Whether the artefacts are all places of the finding. If not, nobody knows what else was found."""
        listed = [artefact.count for artefact in self.artefacts if artefact.listed]
        return 0 < len(listed) == len(self.artefacts) and sum(listed) == self.count
