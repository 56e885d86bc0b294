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
class Finding:
    """One row of the platform's alarm summary: a kind of alarm and how often it was raised."""

    description: str
    count: int
    severity: Severity
    attack: tuple[str, ...] = ()  # MITRE ATT&CK technique ids, such as T1496
    path: str = ""
