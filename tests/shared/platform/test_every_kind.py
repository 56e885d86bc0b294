"""The client against the simulated platform: each kind is found level by level, captured, and ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.platform.records import SimSystem
from shared.http.client import Http
from shared.models.systems import Kind, System
from shared.platform.browse import Browse
from shared.platform.client import Cado
from shared.platform.errors import NotFound, Refused, Unauthorized
from shared.platform.imports import CaptureOptions, Export
from shared.platform.transport import Transport
from shared.secrets import Secret
from tests.demo.platform import kinds
from tests.served import ServedPlatform, served_platform

MANY = tuple(
    SimSystem(
        "azure_vm", "azure-main", {"subscription": kinds.SUBSCRIPTION, "group": "many", "vm": f"vm-{n}"}
    )
    for n in range(250)
)
KEYS = {"lead": "Lead Analyst", "reader": "Read Only Analyst"}
OPTIONS = CaptureOptions(export=Export("forensics", "exports"))


@pytest.fixture
def platform() -> Iterator[ServedPlatform]:
    with served_platform((*kinds.SYSTEMS, *MANY), KEYS) as served:
        yield served


def client(platform: ServedPlatform, key: str = "lead") -> Cado:
    return Cado(Transport(platform.url, Secret(key), Http(), sleep=lambda _: None))


def azure(browse: Browse) -> Iterator[System]:
    account = "azure-main"
    for subscription in browse.azure_subscriptions(account):
        for group in browse.azure_groups(account, subscription.id):
            place = {"subscription": subscription.id, "group": group}
            for machine in browse.azure_machines(account, subscription.id, group):
                yield System.of(Kind.AZURE_VM, account=account, vm=machine.name, **place)
            yield from pods(browse, Kind.AKS, account, place)


def google(browse: Browse) -> Iterator[System]:
    account = "gcp-main"
    for project in browse.google_projects(account):
        for machine in browse.google_machines(account, project.id):
            yield System.of(
                Kind.GCE, account=account, region=machine.zone, project=project.id, vm=machine.name
            )
        yield from pods(browse, Kind.GKE, account, {"project": project.id})


def amazon(browse: Browse) -> Iterator[System]:
    account, region = "prod", "us-east-1"
    for cluster in browse.ecs_clusters(account, region):
        for task in browse.ecs_tasks(account, region, cluster):
            for container in browse.ecs_containers(account, region, cluster, task.name):
                if task.importable and container.online:
                    names = {"cluster": cluster, "task": task.name, "container": container.name}
                    yield System.of(Kind.ECS, account=account, region=region, **names)
    yield from pods(browse, Kind.EKS, account, {"region": region})
    for function in browse.functions(account, region):
        yield System.of(Kind.LAMBDA, account=account, region=region, function=function.name)


def pods(browse: Browse, kind: Kind, account: str, place: dict[str, str]) -> Iterator[System]:
    for cluster in browse.clusters(kind, account, place):
        if cluster.private:
            continue
        inside = place | ({"zone": cluster.zone} if cluster.zone else {})
        for pod in browse.pods(kind, account, inside, cluster.name):
            for container in browse.containers(kind, account, inside, cluster.name, pod):
                parts = {name: part for name, part in inside.items() if name not in ("region", "zone")}
                region = inside.get("region") or inside.get("zone", "")
                yield System.of(
                    kind, account=account, region=region, cluster=cluster.name, pod=pod.name,
                    namespace=pod.namespace, container=container.name, **parts,
                )  # fmt: skip


def test_each_is_found_and_captured(platform: ServedPlatform) -> None:
    cado = client(platform)
    found = [*azure(cado.browse), *google(cado.browse), *amazon(cado.browse)]
    assert len(found) == len(set(found)) == 250 + 8
    assert {system.kind for system in found} == set(Kind) - {Kind.EC2}
    project = cado.open_project("weekly", "")
    wanted = [system for system in found if system.name not in ("old", *(vm.name.lower() for vm in MANY))]
    started = {}
    for system in wanted:
        mode = "triage" if "container" in system.parts else "full"
        started[system] = cado.capture(project, system, system.account, mode, options=OPTIONS)
    platform.settle()
    pipelines = list(cado.pipelines(project))
    for system, numbers in started.items():
        processed = [
            pipeline.evidence_id
            for pipeline in pipelines
            if pipeline.evidence_id and (pipeline.id in numbers or pipeline.triggered_by in numbers)
        ]
        disks = 2 if system.kind in (Kind.AZURE_VM, Kind.GCE) else 1
        assert len(processed) == disks, system
        for evidence in processed:
            assert cado.evidence(evidence).instance == ""
            (made_by,) = cado.pipelines_of_evidence(evidence)
            assert {made_by.id, made_by.triggered_by} & set(numbers)
    assert set(platform.asked.values()) == {1}
    assert len(platform.asked) == len(wanted) == 7


def test_what_the_platform_filters(platform: ServedPlatform) -> None:
    browse = client(platform).browse
    machines = list(browse.azure_machines("azure-main", kinds.SUBSCRIPTION, "rg-web", tags=["Env:prod"]))
    assert [machine.name for machine in machines] == ["Web-1"]
    assert [m.name for m in browse.google_machines("gcp-main", "shop-1", state="TERMINATED")] == []
    assert [m.name for m in browse.google_machines("gcp-main", "shop-1", labels=["env:prod"])] == ["db-1"]


def test_who_may_not_and_what_is_not_there(platform: ServedPlatform) -> None:
    with pytest.raises(Unauthorized, match="403"):
        list(client(platform, "reader").browse.google_projects("gcp-main"))
    with pytest.raises(Refused, match="azure-main does not exist"):
        list(client(platform).browse.google_projects("azure-main"))
    cado = client(platform)
    project = cado.open_project("weekly", "")
    gone = System.of(Kind.LAMBDA, account="prod", region="us-east-1", function="gone")
    with pytest.raises(NotFound, match="function gone"):
        cado.capture(project, gone, "prod", "full")


def test_an_old_platform() -> None:
    with served_platform(kinds.SYSTEMS, KEYS, version="2.260.0") as old:
        cado = client(old)
        assert [function.name for function in cado.browse.functions("prod", "us-east-1")] == ["billing"]
        with pytest.raises(Refused, match=r"listing containers on EKS needs 2\.267"):
            list(cado.browse.clusters(Kind.EKS, "prod", {"region": "us-east-1"}))
        eks = System.of(Kind.EKS, account="prod", region="us-east-1", **kinds.POD)
        with pytest.raises(Refused, match=r"platform is 2\.260\.0; capturing containers on EKS needs 2\.267"):
            cado.capture(cado.open_project("weekly", ""), eks, "prod", "triage")
