"""A hunt of systems of many kinds, as the simulated platform has them and as a configuration names them."""

from __future__ import annotations

from typing import Any

from demo.platform.records import Machine, SimInstance, SimSystem, SimVolume
from tests.scheduler.staging import ALARM

SUB = "0f8fad5b-d9cb-469f-a165-70867728950e"
ACCOUNTS: dict[str, Any] = {
    "az": {"provider": "azure", "cado_account": "azure-main"},
    "gcp": {
        "provider": "gcp",
        "cado_account": "gcp-main",
        "export": {"project": "forensics", "bucket": "exports"},
    },
    "prod": {"id": "111122223333", "cado_account": "aws-prod"},
}
TWO_DISKS = (SimVolume("os", alarms=(ALARM,)), SimVolume("data"))


def azure(name: str, **fields: Any) -> SimSystem:
    return SimSystem(
        "azure_vm", "azure-main", {"subscription": SUB, "group": "rg-web", "vm": name}, TWO_DISKS, **fields
    )


def google(name: str, **fields: Any) -> SimSystem:
    return SimSystem("gce", "gcp-main", {"project": "shop", "zone": "europe-west1-b", "vm": name}, **fields)


def task(name: str, container: str = "app", **fields: Any) -> SimSystem:
    parts = {"region": "us-east-1", "cluster": "prod", "task": name, "container": container}
    return SimSystem("ecs", "aws-prod", parts, **fields)


def pod(name: str, container: str = "app", **fields: Any) -> SimSystem:
    place = {"region": "us-east-1", "cluster": "prod", "namespace": "shop"}
    return SimSystem("eks", "aws-prod", {**place, "pod": name, "container": container}, **fields)


def function(name: str, **fields: Any) -> SimSystem:
    return SimSystem("lambda", "aws-prod", {"region": "us-east-1", "function": name}, **fields)


def instance(number: int) -> SimInstance:
    return SimInstance(f"i-{number:017x}", f"m{number}", "us-east-1", volumes=(SimVolume(f"vol-{number}"),))


ON_AWS: dict[str, Any] = {"accounts": ["prod"], "regions": ["us-east-1"]}
TARGETS: dict[str, dict[str, Any]] = {
    "azure_vm": {"kind": "azure_vm", "account": "az", "subscriptions": "all"},
    "gce": {"kind": "gce", "account": "gcp", "projects": "shop"},
    "ecs": {"kind": "ecs", **ON_AWS},
    "eks": {"kind": "eks", **ON_AWS},
    "lambda": {"kind": "lambda", **ON_AWS},
    "aks": {"kind": "aks", "account": "az", "subscriptions": SUB, "resource_groups": "rg-*"},
    "gke": {"kind": "gke", "account": "gcp", "projects": "shop"},
}


def targets(fleet: tuple[Machine, ...]) -> list[dict[str, Any]]:
    """Targets that select this fleet. EC2 instances are named."""
    named = [
        {"instance": machine.instance_id, "region": machine.region}
        for machine in fleet
        if isinstance(machine, SimInstance)
    ]
    kinds = dict.fromkeys(machine.kind for machine in fleet if isinstance(machine, SimSystem))
    return [*named, *(TARGETS[kind] for kind in kinds)]
