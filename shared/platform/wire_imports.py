"""The JSON of the platform's browse calls, and how it becomes huntbridge's own models.

As in `wire.py`, a field of a wrong type counts as missing. An item without the names that identify it, or
with names that no cloud gives, becomes None.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from shared.platform.browse_answers import (
    AzureMachine,
    CloudPlace,
    Cluster,
    EcsContainer,
    EcsTask,
    FoundDisk,
    GoogleMachine,
    LambdaFunction,
    Pod,
    PodContainer,
)
from shared.platform.wire import Count, Flag, JsonObject, Part, Text
from shared.text import one_line

_LONGEST = 300  # characters of a name; an ARN of an ECS task is the longest
_MOST_TAGS = 100
_MOST_DISKS = 200


class TagJson(JsonObject):
    key: Text = None
    value: Text = None


class DiskJson(JsonObject):
    name: Text = None
    disk_size: Count = None  # Azure
    size: Count = None  # Google


class SubscriptionJson(JsonObject):
    id: Text = None
    name: Text = None


class GroupJson(JsonObject):
    name: Text = None


class AzureMachineJson(JsonObject):
    name: Text = None
    location: Text = None
    tags: Annotated[list[Annotated[TagJson, Part]], Part] = Field(default_factory=list)
    disks: Annotated[list[Annotated[DiskJson, Part]], Part] = Field(default_factory=list)
    operating_system: Text = None


class GoogleProjectJson(JsonObject):
    gcp_project_id: Text = None
    gcp_project_name: Text = None


class GoogleMachineJson(JsonObject):
    instance_id: Text = None
    instance_name: Text = None
    state: Text = None
    instance_type: Text = None
    region_zone: Text = None
    labels: Annotated[list[Annotated[TagJson, Part]], Part] = Field(default_factory=list)
    disks: Annotated[list[Annotated[DiskJson, Part]], Part] = Field(default_factory=list)


class ClusterJson(JsonObject):
    cluster_name: Text = None
    zone: Text = None
    is_private: Flag = None


class TaskJson(JsonObject):
    task_name: Text = None
    importable: Flag = None


class ContainerJson(JsonObject):
    container_name: Text = None
    container_image: Text = None
    is_online: Flag = None


class ContainersJson(JsonObject):
    containers: Annotated[list[Annotated[ContainerJson, Part]], Part] = Field(default_factory=list)


class PodJson(JsonObject):
    pod_name: Text = None
    pod_namespace: Text = None


class FunctionJson(JsonObject):
    name: Text = None
    package_type: Text = None


def is_name(text: str | None) -> bool:
    """Whether the text can be the name of something in a cloud: it is visible, on one line and not too
    long."""
    return bool(text) and text == one_line(text or "", _LONGEST)


def subscription_from(json: SubscriptionJson) -> CloudPlace | None:
    return CloudPlace(json.id, _shown(json.name)) if json.id and is_name(json.id) else None


def project_from(json: GoogleProjectJson) -> CloudPlace | None:
    number = json.gcp_project_id
    return CloudPlace(number, _shown(json.gcp_project_name)) if number and is_name(number) else None


def group_from(json: GroupJson) -> str | None:
    return json.name if is_name(json.name) else None


def azure_machine_from(json: AzureMachineJson) -> AzureMachine | None:
    if not json.name or not is_name(json.name):
        return None
    return AzureMachine(
        json.name,
        _shown(json.location),
        _shown(json.operating_system),
        _tags(json.tags),
        tuple(FoundDisk(_shown(disk.name), disk.disk_size) for disk in json.disks[:_MOST_DISKS]),
    )


def google_machine_from(json: GoogleMachineJson) -> GoogleMachine | None:
    if not (json.instance_name and is_name(json.instance_name)):
        return None
    if not (json.region_zone and is_name(json.region_zone)):
        return None
    return GoogleMachine(
        _shown(json.instance_id),
        json.instance_name,
        _shown(json.state),
        _shown(json.instance_type),
        json.region_zone,
        _tags(json.labels),
        tuple(FoundDisk(_shown(disk.name), disk.size) for disk in json.disks[:_MOST_DISKS]),
    )


def cluster_from(json: ClusterJson) -> Cluster | None:
    if not json.cluster_name or not is_name(json.cluster_name):
        return None
    return Cluster(json.cluster_name, _shown(json.zone), json.is_private)


def cluster_name_from(json: ClusterJson) -> str | None:
    return json.cluster_name if is_name(json.cluster_name) else None


def task_from(json: TaskJson) -> EcsTask | None:
    return EcsTask(json.task_name, json.importable) if json.task_name and is_name(json.task_name) else None


def ecs_container_from(json: ContainerJson) -> EcsContainer | None:
    name = json.container_name
    return EcsContainer(name, json.is_online) if name and is_name(name) else None


def pod_from(json: PodJson) -> Pod | None:
    name, namespace = json.pod_name, json.pod_namespace
    return Pod(name, namespace) if name and namespace and is_name(name) and is_name(namespace) else None


def pod_container_from(json: ContainerJson) -> PodContainer | None:
    name = json.container_name
    return PodContainer(name, _shown(json.container_image)) if name and is_name(name) else None


def function_from(json: FunctionJson) -> LambdaFunction | None:
    return LambdaFunction(json.name, _shown(json.package_type)) if json.name and is_name(json.name) else None


def _shown(text: str | None) -> str:
    return one_line(text or "", _LONGEST)


def _tags(tags: Iterable[TagJson]) -> dict[str, str]:
    return {
        one_line(tag.key, 200): one_line(tag.value or "", 300) for tag in list(tags)[:_MOST_TAGS] if tag.key
    }
