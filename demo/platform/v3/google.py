"""API v3: Google projects and machines, and the import of a machine."""

from __future__ import annotations

from demo.platform.calls import Call, Field, Route
from demo.platform.records import Import
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

STATES = (
    "PROVISIONING", "STAGING", "RUNNING", "STOPPING", "SUSPENDING", "SUSPENDED", "REPAIRING", "TERMINATED",
)  # fmt: skip


def projects(call: Call) -> Answer:
    """Without an account, the projects of all accounts."""
    name, id = call.text("gcp_project_name"), call.text("gcp_project_id")
    one = call.text("account_name")
    accounts = (
        [call.account(one, "gcp")] if one else [a for a, p in call.world.accounts.items() if p == "gcp"]
    )
    ids = each_once(s.parts["project"] for account in accounts for s in seen(call, account, ("gce", "gke")))
    rows = [
        {"gcp_project_id": project, "gcp_project_name": project.title()}
        for project in ids
        if id in (None, project) and (name is None or name in project.title())
    ]
    return paged(call, rows, required=False)


def machines(call: Call) -> Answer:
    account, labels = account_of(call, "gcp"), call.texts("label")
    project, state = call.text("gcp_project", required=True), call.text("state", STATES)
    name, id = call.text("instance_name"), call.text("instance_id")
    rows = [
        {
            "instance_id": str(_number(system.instance_id)),
            "instance_name": system.name,
            "state": system.state,
            "instance_type": system.type,
            "region_zone": system.parts["zone"],
            "labels": tags_of(system),
            "disks": [{"name": disk.volume_id, "size": disk.gb} for disk in system.volumes],
        }
        for system in seen(call, account, ("gce",), project=project)
        if labelled(system, labels)
        and state in (None, system.state)
        and (name is None or name in system.name)
        and id in (None, str(_number(system.instance_id)))
    ]
    return paged(call, rows)


def import_machine(call: Call) -> Answer:
    return several(
        imported(
            call,
            "gce",
            {"project": "instance_project", "zone": "zone", "vm": "instance_name"},
            more={
                "gcs_project": Field(str, required=True, longest=100),
                "gcs_bucket": Field(str, required=True, longest=100),
                "fast_scan": Field(bool),
                "use_acquisition_service_account": Field(bool),
                "subnet": Field(str),
            },
            asked=lambda system, body: Import(system, scan_only=body.get("fast_scan", False)),
        )
    )


def _number(text: str) -> int:
    """A machine's number, which is the same in every run."""
    return int.from_bytes(text.encode()[-7:]) + 10**18


ROUTES = (
    Route("GET", "/import/gcp/resource-manager/projects", projects, ANALYSTS, since=(2, 267)),
    Route("GET", "/import/gcp/gce", machines, ANALYSTS, since=(2, 267)),
    Route("POST", "/import/gcp/gce", import_machine, ANALYSTS, since=(2, 267)),
)
