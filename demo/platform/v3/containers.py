"""API v3: the containers that run on ECS, EKS, AKS and GKE, and the import of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from demo.platform.calls import Call, Field, Refused, Route, Version
from demo.platform.records import Import, SimSystem
from demo.platform.v3.answers import Answer
from demo.platform.v3.roles import ANALYSTS
from demo.platform.v3.systems import account_of, by_cursor, each_once, imported, paged, seen, single

_HOST = {"host_options": Field(dict, required=True)}


def _triage(system: SimSystem, _: dict[str, Any]) -> Import:
    if system.kind == "ecs" and not system.importable:
        raise Refused(400, f"The task {system.parts['task']} cannot be imported")
    if not system.online:
        raise Refused(400, f"The container {system.name} is not online")
    if system.private:
        raise Refused(400, f"The cluster {system.parts['cluster']} is private")
    return Import(system, triage=True)


# --- ECS


def ecs_clusters(call: Call) -> Answer:
    account, region = account_of(call, "aws", required=False), call.text("region", required=True)
    names = each_once(s.parts["cluster"] for s in seen(call, account, ("ecs",), region=region))
    return by_cursor(call, [{"cluster_name": name} for name in names])


def ecs_tasks(call: Call) -> Answer:
    account, region = account_of(call, "aws", required=False), call.text("region", required=True)
    cluster = call.text("cluster_name", required=True)
    found = seen(call, account, ("ecs",), region=region, cluster=cluster)
    importable = {system.parts["task"]: system.importable for system in found}
    return by_cursor(call, [{"task_name": name, "importable": can} for name, can in importable.items()])


def ecs_containers(call: Call) -> Answer:
    account, region = account_of(call, "aws", required=False), call.text("region", required=True)
    cluster, task = call.text("cluster_name", required=True), call.text("task_name", required=True)
    found = seen(call, account, ("ecs",), region=region, cluster=cluster, task=task)
    return Answer({"containers": [{"container_name": s.name, "is_online": s.online} for s in found]})


def import_ecs(call: Call) -> Answer:
    return single(
        imported(
            call,
            "ecs",
            {
                "region": "region",
                "cluster": "cluster_name",
                "task": "task_name",
                "container": "container_name",
            },
            more={**_HOST, "token": Field(str), "file_name": Field(str)},
            account_required=False,
            asked=_triage,
        )
    )


# --- Kubernetes


@dataclass(frozen=True)
class _Service:
    """`place`: the parts that say where a cluster is, and their parameters. `of_cluster`: those that are only
    known with the cluster."""

    kind: str
    provider: str
    path: str
    since: Version
    place: Mapping[str, str]
    of_cluster: Mapping[str, str]


_SERVICES = (
    _Service("eks", "aws", "aws/eks", (2, 267), {"region": "cluster_region"}, {}),
    _Service(
        "aks", "azure", "azure/aks", (2, 253),
        {"subscription": "subscription_id", "group": "resource_group"}, {},
    ),
    _Service("gke", "gcp", "gcp/gke", (2, 267), {"project": "gcp_project_id"}, {"zone": "cluster_zone"}),
)  # fmt: skip


def _found(call: Call, service: _Service, *, inside: bool, **more: str) -> list[SimSystem]:
    """The containers in the place that the query names. `inside`: in its cluster. `more`: further parts."""
    account = account_of(call, service.provider)
    parameters = {**service.place, **more}
    if inside:
        parameters |= {**service.of_cluster, "cluster": "cluster_name"}
    parts = {part: call.text(name, required=True) for part, name in parameters.items()}
    found = seen(call, account, (service.kind,), **parts)
    if inside and any(system.private for system in found):
        raise Refused(400, f"The cluster {parts['cluster']} cannot be reached")
    return found


def _clusters(service: _Service) -> Callable[[Call], Answer]:
    def clusters(call: Call) -> Answer:
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for system in _found(call, service, inside=False):
            name, zone = system.parts["cluster"], system.parts.get("zone", "")
            row = rows.setdefault((name, zone), {"cluster_name": name, "is_private": False})
            row |= {"is_private": row["is_private"] or system.private}
            row |= {"zone": zone} if service.of_cluster else {}
        return paged(call, list(rows.values()))

    return clusters


def _pods(service: _Service) -> Callable[[Call], Answer]:
    def pods(call: Call) -> Answer:
        found = _found(call, service, inside=True)
        names = dict.fromkeys((system.parts["pod"], system.parts["namespace"]) for system in found)
        return paged(call, [{"pod_name": pod, "pod_namespace": namespace} for pod, namespace in names])

    return pods


def _containers(service: _Service) -> Callable[[Call], Answer]:
    def containers(call: Call) -> Answer:
        found = _found(call, service, inside=True, pod="pod_name", namespace="pod_namespace")
        return paged(call, [{"container_name": s.name, "container_image": s.image} for s in found])

    return containers


def _import(service: _Service) -> Callable[[Call], Answer]:
    def import_container(call: Call) -> Answer:
        fields = {
            **service.place,
            **service.of_cluster,
            "cluster": "cluster_name",
            "pod": "pod_name",
            "namespace": "pod_namespace",
            "container": "container_name",
        }
        return single(imported(call, service.kind, fields, more=_HOST, asked=_triage))

    return import_container


def _routes(service: _Service) -> tuple[Route, ...]:
    path, since = f"/import/{service.path}", service.since
    return (
        Route("GET", f"{path}/clusters", _clusters(service), ANALYSTS, since),
        Route("GET", f"{path}/pods", _pods(service), ANALYSTS, since),
        Route("GET", f"{path}/containers", _containers(service), ANALYSTS, since),
        Route("POST", path, _import(service), ANALYSTS, since),
    )


ROUTES = (
    Route("GET", "/import/aws/ecs/clusters", ecs_clusters, ANALYSTS, since=(2, 244)),
    Route("GET", "/import/aws/ecs/tasks", ecs_tasks, ANALYSTS, since=(2, 247)),
    Route("GET", "/import/aws/ecs/containers", ecs_containers, ANALYSTS, since=(2, 247)),
    Route("POST", "/import/aws/ecs", import_ecs, ANALYSTS, since=(2, 244)),
    *(route for service in _SERVICES for route in _routes(service)),
)
