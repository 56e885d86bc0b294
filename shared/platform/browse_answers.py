"""What the platform's browse calls return: the systems that it sees in cloud accounts, and where they are.

The names are as the platform wrote them, since they are sent back to it. Show them only through
`shared.text.one_line`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CloudPlace:
    """An Azure subscription or a Google project."""

    id: str
    name: str


@dataclass(frozen=True)
class FoundDisk:
    name: str
    gib: int | None


@dataclass(frozen=True)
class AzureMachine:
    name: str
    location: str
    os: str = ""  # windows | linux
    tags: Mapping[str, str] = field(default_factory=dict)
    disks: tuple[FoundDisk, ...] = ()


@dataclass(frozen=True)
class GoogleMachine:
    id: str
    name: str
    state: str  # RUNNING, TERMINATED, …
    type: str
    zone: str
    labels: Mapping[str, str] = field(default_factory=dict)
    disks: tuple[FoundDisk, ...] = ()


@dataclass(frozen=True)
class EcsTask:
    name: str  # very likely the whole ARN
    importable: bool | None  # whether it was started with enableExecuteCommand


@dataclass(frozen=True)
class EcsContainer:
    name: str
    online: bool | None


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes cluster. Only GKE names a zone."""

    name: str
    zone: str = ""
    private: bool | None = None


@dataclass(frozen=True)
class Pod:
    name: str
    namespace: str


@dataclass(frozen=True)
class PodContainer:
    name: str
    image: str = ""


@dataclass(frozen=True)
class LambdaFunction:
    name: str
    package_type: str = ""  # Zip | Image
