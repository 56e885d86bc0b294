"""What the platform's calls for each kind of system have in common: paths, parameters, and since when.

The parts of a system's id have names of their own (`shared.models.systems.PARTS`); the platform names them
differently in almost every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.models.kinds_of_system import ABILITIES
from shared.models.systems import Kind
from shared.platform.errors import CadoError, Refused
from shared.platform.wire import version_numbers

_POD = {
    "cluster": "cluster_name",
    "namespace": "pod_namespace",
    "pod": "pod_name",
    "container": "container_name",
}


@dataclass(frozen=True)
class KindCalls:
    """`parameters`: what the platform calls the parts of a system's id."""

    path: str
    parameters: Mapping[str, str]
    account: str = "account_name"
    project: str = "investigation_id"


# EC2 has calls of its own.
CALLS: Mapping[Kind, KindCalls] = {
    Kind.AZURE_VM: KindCalls(
        "azure/virtual-machine",
        {"subscription": "subscription_id", "group": "resource_group", "vm": "vm_name"},
    ),
    Kind.GCE: KindCalls("gcp/gce", {"project": "instance_project", "zone": "zone", "vm": "instance_name"}),
    Kind.ECS: KindCalls(
        "aws/ecs",
        {
            "region": "region",
            "cluster": "cluster_name",
            "task": "task_name",
            "container": "container_name",
        },
    ),
    Kind.EKS: KindCalls("aws/eks", {"region": "cluster_region", **_POD}),
    Kind.AKS: KindCalls("azure/aks", {"subscription": "subscription_id", "group": "resource_group", **_POD}),
    Kind.GKE: KindCalls("gcp/gke", {"project": "gcp_project_id", "zone": "cluster_zone", **_POD}),
    Kind.LAMBDA: KindCalls(
        "aws/lambda", {"region": "region", "function": "function"}, account="cloud_id", project="project_id"
    ),
}


def plural(kind: Kind) -> str:
    """What people call several systems of this kind: `Azure machines`, `containers on ECS`."""
    one, on, where = ABILITIES[kind].noun.partition(" on ")
    return f"{one}s{on}{where}"


def since_error(error: CadoError, kind: Kind, doing: str, version: Callable[[], str]) -> CadoError:
    """The error of a call about a kind of system, or a clearer one if the platform is too old for the call.
    `doing` is what the call does, such as "listing"."""
    if error.status not in (404, 405):
        return error
    try:
        told = version()
    except CadoError:
        return error
    numbers, since = version_numbers(told), ABILITIES[kind].since
    if numbers is None or numbers >= since:
        return error
    return Refused(
        f"The platform is {told}; {doing} {plural(kind)} needs {since[0]}.{since[1]} or newer.",
        status=error.status,
    )
