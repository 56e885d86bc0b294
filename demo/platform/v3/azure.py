"""API v3: Azure subscriptions, resource groups and machines, and the import of a machine."""

from __future__ import annotations

from typing import Any

from demo.platform.calls import Call, Field, Refused, Route
from demo.platform.records import Import, SimSystem
from demo.platform.v3.answers import Answer
from demo.platform.v3.roles import ANALYSTS
from demo.platform.v3.systems import (
    account_of,
    each_once,
    imported,
    labelled,
    paged,
    seen,
    several,
    tags_of,
)

_KINDS = ("azure_vm", "aks")


def subscriptions(call: Call) -> Answer:
    account, name = account_of(call, "azure"), call.text("subscription_name")
    ids = each_once(system.parts["subscription"] for system in seen(call, account, _KINDS))
    rows = [{"name": f"Subscription {id[:8]}", "id": id} for id in ids]
    return paged(call, [row for row in rows if name is None or name in row["name"]], required=False)


def resource_groups(call: Call) -> Answer:
    account, name = account_of(call, "azure"), call.text("resource_group_name")
    subscription = call.text("subscription_id", required=True)
    groups = each_once(s.parts["group"] for s in seen(call, account, _KINDS, subscription=subscription))
    return paged(call, [{"name": g} for g in groups if name is None or name in g], required=False)


def machines(call: Call) -> Answer:
    account, tags = account_of(call, "azure"), call.texts("tags")
    subscription = call.text("subscription_id", required=True)
    group, name = call.text("resource_group", required=True), call.text("vm_name")
    found = seen(call, account, ("azure_vm",), subscription=subscription, group=group)
    rows = [
        {
            "name": system.name,
            "location": system.location,
            "tags": tags_of(system),
            "disks": [{"name": disk.volume_id, "disk_size": disk.gb} for disk in system.volumes],
            "operating_system": system.os.lower(),
        }
        for system in found
        # A part of the name is enough. Whether the real platform wants all of it is not public.
        if labelled(system, tags) and (name is None or name.lower() in system.name.lower())
    ]
    return paged(call, rows)


def import_machine(call: Call) -> Answer:
    return several(
        imported(
            call,
            "azure_vm",
            {"subscription": "subscription_id", "group": "resource_group", "vm": "vm_name"},
            more={
                "acquire_with_host": Field(bool, required=True),
                "acquisition_resource_group": Field(str),
                "host_options": Field(dict),
                "scan": Field(bool),
            },
            asked=_asked,
        )
    )


def _asked(system: SimSystem, body: dict[str, Any]) -> Import:
    if body["acquire_with_host"] and system.state != "RUNNING":
        raise Refused(400, f"The virtual machine {system.name} is not running")
    return Import(system, triage=body["acquire_with_host"], scan_only=body.get("scan", False))


ROUTES = (
    Route("GET", "/import/azure/management/subscriptions", subscriptions, ANALYSTS, since=(2, 253)),
    Route("GET", "/import/azure/management/resource-groups", resource_groups, ANALYSTS, since=(2, 253)),
    Route("GET", "/import/azure/virtual-machine", machines, ANALYSTS, since=(2, 271)),
    Route("POST", "/import/azure/virtual-machine", import_machine, ANALYSTS, since=(2, 271)),
)
