"""API v3: the EC2 instances that the platform sees, and the import of one. Lists with a cursor."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

from demo.platform.calls import Call, Field, Refused
from demo.platform.records import Import
from demo.platform.v3.answers import Answer
from demo.platform.v3.projects import known_project

BROWSE_PAGE = 50
T = TypeVar("T")


def browse_ec2(call: Call) -> Answer:
    account, region = call.text("cloud_id", required=True), call.text("region", required=True)
    call.account(account or "", "aws")
    ids, names, states = call.texts("instance_id"), call.texts("instance_name"), call.texts("state")
    system = call.text("os")
    bare = call.texts("tags") or call.texts("ip_address")  # no simulated instance has tags or addresses
    matching = [
        i
        for (of, where, _), i in call.world.fleet.items()
        if (of, where) == (account, region)
        and (not ids or i.instance_id in ids)
        and (not names or i.name in names)
        and (not states or "running" in states)
        and (not system or system.lower() in i.os.lower())
        and not bare
    ]
    part, cursor = cursor_page(call, matching, BROWSE_PAGE)
    data = [
        {
            "instance_name": i.name,
            "instance_id": i.instance_id,
            "state": "running",
            "instance_type": "t3.large",
            "availability_zone": f"{i.region}a",
            "importable": i.importable,
            "os": i.os,
            "tags": [],
            "volumes": [{"volume_id": v.volume_id, "size": v.gb} for v in i.volumes],
        }
        for i in part
    ]
    return Answer(data, cursor=cursor)


def import_ec2(call: Call) -> Answer:
    body = call.body(
        {
            "instance_id": Field(str, required=True),
            "region": Field(str, required=True),
            "project_id": Field(int, required=True),
            "cloud_id": Field(str),
            "token": Field(str),
            "acquire_with_host": Field(bool),
            "use_ssm_port_forwarding": Field(bool),
            "ssm_port_forwarding_port": Field(int),
            "convert_image": Field(bool),
            "skip_processing": Field(bool),
            "fast_scan": Field(bool),
            "host_options": Field(dict),
        }
    )
    project = known_project(call, body["project_id"])
    instance = call.instance(body["instance_id"], body["region"], body.get("cloud_id", "Default"))
    asked = Import(
        instance,
        triage=body.get("acquire_with_host", False),
        skip_processing=body.get("skip_processing", False),
        scan_only=body.get("fast_scan", False),
    )
    started = call.world.acquire(project, asked, call.user, call.now)
    return Answer({"pipeline_ids": [{"id": pipeline.id} for pipeline in started]})


def cursor_page(call: Call, items: list[T], size: int) -> tuple[list[T], dict[str, str]]:
    """The part of `items` that the request's cursor points to, and the cursors of the answer."""
    start = _offset(call.text("cursor"))
    cursor = {"current_token": call.text("cursor") or ""}
    if start + size < len(items):
        cursor["next_token"] = _token(start + size)
    return items[start : start + size], cursor


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except (binascii.Error, ValueError):
        raise Refused(400, "cursor is not one that was given out") from None
