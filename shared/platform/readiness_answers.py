"""What the platform says about itself: license, settings, workers, accounts. None and empty: not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True)
class License:
    level: str  # FULL | TRIAGE_ONLY | RESTRICTED
    expires: date | None


@dataclass(frozen=True)
class PlatformSettings:
    local_workers: bool | None  # the platform itself does the work, one capture after the other
    most_workers: int | None
    worker_type: str  # of machine, such as i3.4xlarge
    idle_wait: int | None  # seconds until a worker without work ends
    custom_yara: bool | None
    default_yara: bool | None
    custom_iocs: bool | None
    features: Mapping[str, bool] = field(default_factory=dict)
    tag: tuple[str, str] | None = None  # on what the platform makes in a cloud: key and value
    bucket: str = ""


@dataclass(frozen=True)
class PlatformFacts:
    cloud: str  # aws | azure | gcp
    account_id: str
    supports_aws: bool | None
    supports_azure: bool | None
    local_workers: bool | None
    saas: bool | None
    warnings: tuple[str, ...] = ()  # in the platform's own words


@dataclass(frozen=True)
class Worker:
    id: str
    status: str  # pending | active | terminating
    type: str
    launched_at: datetime | None
    project_id: int | None
    evidence_id: int | None


@dataclass(frozen=True)
class AccountIssue:
    """What the platform's check of an account found, in its own words."""

    service: str
    issue: str
    type: str


@dataclass(frozen=True)
class AccountChecked:
    name: str
    type: str  # aws | azure | gcp | …
    public_identifier: str  # for AWS very likely the ARN of the platform's role
    issues: tuple[AccountIssue, ...] = ()  # only if the account was asked for by its name
