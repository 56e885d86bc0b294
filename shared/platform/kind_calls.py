"""What the platform's calls for each kind of system have in common: paths, parameters, and since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.platform.errors import CadoError, Refused
from shared.platform.wire import version_numbers


@dataclass(frozen=True)
class KubernetesCalls:
    """`place`: the parts of a system's id that name its cluster's place, and the platform's parameters."""

    path: str
    place: Mapping[str, str]


KUBERNETES: dict[str, KubernetesCalls] = {
    "eks": KubernetesCalls("aws/eks", {"region": "cluster_region"}),
    "aks": KubernetesCalls("azure/aks", {"subscription": "subscription_id", "group": "resource_group"}),
    "gke": KubernetesCalls("gcp/gke", {"project": "gcp_project_id", "zone": "cluster_zone"}),
}

_SINCE: dict[str, tuple[int, int]] = {
    "ec2": (2, 190),
    "azure_vm": (2, 271),
    "gce": (2, 267),
    "ecs": (2, 247),
    "eks": (2, 267),
    "aks": (2, 253),
    "gke": (2, 267),
    "lambda": (2, 190),
}
_WORDS: dict[str, str] = {
    "ec2": "EC2 instances",
    "azure_vm": "Azure machines",
    "gce": "Google machines",
    "ecs": "ECS containers",
    "eks": "EKS containers",
    "aks": "AKS containers",
    "gke": "GKE containers",
    "lambda": "Lambda functions",
}


def words(kind: str) -> str:
    return _WORDS[kind]


def since_error(error: CadoError, kind: str, doing: str, version: Callable[[], str]) -> CadoError:
    """The error of a call about a kind of system, or a clearer one if the platform is too old for the call.
    `doing` is what the call does, such as "listing Azure machines"."""
    if error.status not in (404, 405):
        return error
    try:
        told = version()
    except CadoError:
        return error
    numbers, since = version_numbers(told), _SINCE[kind]
    if numbers is None or numbers >= since:
        return error
    return Refused(
        f"The platform is {told}; {doing} needs {since[0]}.{since[1]} or newer.", status=error.status
    )
