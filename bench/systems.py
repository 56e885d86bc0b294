"""The systems of the measured hunts, as the simulated platform and as a configuration name them."""

from __future__ import annotations

from typing import Any

from demo.platform.records import Machine, SimInstance, SimSystem, SimVolume

REGION = "us-east-1"
KEY = "bench-key"
SUBSCRIPTION = "0f8fad5b-d9cb-469f-a165-70867728950e"


def fleet(size: int) -> list[Machine]:
    return [
        SimInstance(f"i-{number:017x}", f"system-{number}", REGION, volumes=(SimVolume(f"vol-{number:x}"),))
        for number in range(1, size + 1)
    ]


def mixed_fleet(size: int) -> list[Machine]:
    """A fifth each of EC2 instances, Azure machines, Google machines, tasks on ECS and functions."""
    each = size // 5
    systems = fleet(each)
    for number in range(each):
        name, group = f"system-{number}", f"group-{number % 10}"
        place = {"region": REGION, "cluster": f"cluster-{number % 4}"}
        systems += [
            SimSystem("azure_vm", "azure", {"subscription": SUBSCRIPTION, "group": group, "vm": name}),
            SimSystem("gce", "gcp", {"project": group, "zone": "europe-west1-b", "vm": name}),
            SimSystem("ecs", "Default", {**place, "task": f"task-{number}", "container": "app"}),
            SimSystem("lambda", "Default", {"region": REGION, "function": name}),
        ]
    return systems


def targets(size: int, *, mixed: bool) -> list[dict[str, Any]]:
    """EC2 instances by their ids, all others through the platform."""
    instances = [
        {"instance": f"i-{number:017x}", "region": REGION}
        for number in range(1, (size // 5 if mixed else size) + 1)
    ]
    others: list[dict[str, Any]] = [
        {"kind": "azure_vm", "account": "az"},
        {"kind": "gce", "account": "gcp"},
        {"kind": "ecs", "regions": REGION},
        {"kind": "lambda", "regions": REGION},
    ]
    return [*instances, *(others if mixed else [])]


ACCOUNTS = {
    "az": {"provider": "azure", "cado_account": "azure"},
    "gcp": {"provider": "gcp", "cado_account": "gcp", "export": {"project": "p", "bucket": "b"}},
}
