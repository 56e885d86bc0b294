"""The machines that hunts capture: how the configuration names a machine, and what EC2 says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class System:
    """One EC2 instance to capture. `account` is an alias from the configuration; empty means the account of
    the platform."""

    instance: str
    region: str
    account: str = ""

    @property
    def key(self) -> str:
        return f"{self.account or '-'}/{self.region}/{self.instance}"


@dataclass(frozen=True)
class Instance:
    """What EC2 says about one instance. A value that EC2 does not have is empty."""

    id: str
    region: str
    name: str = ""
    type: str = ""
    state: str = ""
    zone: str = ""
    account_id: str = ""
    private_ip: str = ""
    public_ip: str = ""
    vpc: str = ""
    subnet: str = ""
    security_groups: tuple[str, ...] = ()  # "name (sg-…)"
    iam_profile: str = ""
    image: str = ""
    platform: str = ""  # Linux/UNIX, Windows
    launched_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
