"""The simulated platform's API v3: the slice that a hunt needs, by the platform's OpenAPI file of 2.324.0.

`ROUTES` says what there is, who may ask, and since which version; each handler takes a `Call` and gives an
`Answer`. The texts of refusals are invented: the real ones are not public.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from demo.platform.calls import (
    ADMIN,
    ANALYST,
    LEAD,
    PLATFORM,
    READER,
    ROLES,
    Call,
    Field,
    Page,
    Refused,
    Version,
    orders,
    sorted_by,
)
from demo.platform.hooks import DEFAULT_PAYLOAD, EVENT_TYPES, PAYLOAD_TYPES, TEST, Webhook
from demo.platform.model import Alarm, Evidence, Import, NameTaken, Pipeline, Project, Step

PREFIX = "/api/v3"
ACCOUNT_ID = "123456789012"
BROWSE_PAGE = 50

# What changed, and when (platform versions).
SNAKE_CASE_NAME = (2, 247)
PIPELINE_STATUS = (2, 269)
STATUS_LIMIT = (2, 272)
INVESTIGATION_ID = (2, 273)
ALARM_EVIDENCE_NAME = (2, 281)
WEBHOOK_LAST_SENT = (2, 286)
LIST_ALARM_SUMMARY = (2, 294)
WEBHOOK_TIMES_SENT = (2, 304)
MANUALLY_CREATED = (2, 315)
PIPELINE_START_TIME = (2, 323)

PROJECT_STATES = (
    "Collection & Analysis", "Containment", "Eradication", "Recovery", "Post incident activity", "Closed",
    "Archived",
)  # fmt: skip
PIPELINE_TYPES = (
    "processing", "acquisition", "healthcheck", "investigation_kicker", "accountdiscovery", "analysis",
    "remote_action", "deletion", "archiving", "scanning",
)  # fmt: skip
STATES = ("complete", "failed", "cancelled", "in_progress", "queued")
OLD_STATES = {
    "success": ("complete",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "pending": ("in_progress", "queued"),
}
ACCOUNT_TYPES = (
    "aws", "gcp", "azure", "crowdstrike", "sentinelone", "defender", "microsoft_saas", "google_workspace",
    "darktrace",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    data: Any = None
    page: Page | None = None
    cursor: dict[str, str] | None = None
    status: int = 200

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"status": "success"}
        if self.data is not None:
            body["data"] = self.data
        if self.page:
            body["pagination"] = {
                "type": "page",
                "total_records": self.page.total,
                "current_page": self.page.number,
                "total_pages": self.page.total_pages,
                "per_page": self.page.size,
            }
        if self.cursor is not None:
            body["pagination"] = {"type": "cursor", **self.cursor}
        return body


@dataclass(frozen=True)
class Route:
    method: str
    rule: str
    handler: Callable[..., Answer]
    roles: tuple[str, ...]
    since: Version = (0, 0)
    locked: bool = True  # the world's lock is held; not while something is sent


def list_projects(call: Call) -> Answer:
    wanted_ids, name = call.numbers("project_id"), call.text("name")
    states = call.texts("status", PROJECT_STATES)
    start, end = call.seconds("created_start_timestamp"), call.seconds("created_end_timestamp")
    keys = _project_keys(call)
    order = call.text("order_by", orders(keys)) or "-created"
    found = [
        p
        for p in call.world.projects.values()
        if (not wanted_ids or p.id in wanted_ids)
        # Part of the name is enough: whether the real one wants the whole is not public.
        and (name is None or name.lower() in p.name.lower())
        and (not states or PROJECT_STATES[0] in states)
        and (start is None or p.created >= start)
        and (end is None or p.created <= end)
    ]
    part, page = call.page(sorted_by(found, order, keys))
    with_alarms = call.flag("get_alarm_summary") or call.version < LIST_ALARM_SUMMARY
    return Answer([_project(call, p, alarms=with_alarms) for p in part], page)


def create_project(call: Call) -> Answer:
    field = "case_name" if call.version >= SNAKE_CASE_NAME else "caseName"
    body = call.body(
        {
            field: Field(str, required=True, longest=80),
            "description": Field(str),
            "users": Field(list),
            "groups": Field(list),
        }
    )
    try:
        project = call.world.open_project(body[field], body.get("description", ""), call.now)
    except NameTaken:
        raise Refused(409, "Project name already exists") from None
    return Answer({"message": "Project created", "id": project.id}, status=201)


def get_project(call: Call, project_id: int) -> Answer:
    project = _known_project(call, project_id)
    item = _project(call, project, alarms=True)
    item["unique_sources"] = ["FILE"] if call.world.evidence_of(project.id) else []
    item["details"] |= {"users": [], "groups": [], "ioc": {"custom_data": {}}}
    if call.version >= MANUALLY_CREATED:
        item["manually_created"] = True
    return Answer(item)


def browse_ec2(call: Call) -> Answer:
    account, region = call.text("cloud_id", required=True), call.text("region", required=True)
    if account not in call.world.accounts:
        raise Refused(400, f"Account {account} does not exist")
    ids, names, states = call.texts("instance_id"), call.texts("instance_name"), call.texts("state")
    system = call.text("os")
    bare = call.texts("tags") or call.texts("ip_address")  # no simulated instance has either
    found = [
        i
        for (of, where, _), i in call.world.fleet.items()
        if (of, where) == (account, region)
        and (not ids or i.instance_id in ids)
        and (not names or i.name in names)
        and (not states or "running" in states)
        and (not system or system.lower() in i.os.lower())
        and not bare
    ]
    start = _offset(call.text("cursor"))
    cursor = {"current_token": call.text("cursor") or ""}
    if start + BROWSE_PAGE < len(found):
        cursor["next_token"] = _token(start + BROWSE_PAGE)
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
        for i in found[start : start + BROWSE_PAGE]
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
    project = _known_project(call, body["project_id"])
    instance = call.instance(body["instance_id"], body["region"], body.get("cloud_id", "Default"))
    asked = Import(
        instance,
        triage=body.get("acquire_with_host", False),
        skip_processing=body.get("skip_processing", False),
        scan_only=body.get("fast_scan", False),
    )
    pipeline = call.world.acquire(project, asked, call.user, call.now)
    return Answer({"pipeline_ids": [{"id": pipeline.id}]})


def list_pipelines(call: Call) -> Answer:
    project, evidence = call.number("project_id"), call.number("evidence_id")
    evidence_name, project_name = call.text("evidence_name"), call.text("investigation_name")
    user, parent = call.number("user_id"), call.number("triggering_pipeline_id")
    type_, states = call.text("type", PIPELINE_TYPES), _wanted_states(call)
    keys = _pipeline_keys(call)
    order = call.text("order_by", orders(keys)) or "-created"
    found = [
        p
        for p in call.world.pipelines.values()
        if (project is None or p.project_id == project)
        and (evidence is None or p.evidence_id == evidence)
        and (parent is None or p.triggered_by == parent)
        and (user is None or p.user.id == user)
        and (type_ is None or p.type == type_)
        and (states is None or p.state in states)
        and (evidence_name is None or _evidence_name(call, p) == evidence_name)
        and (project_name is None or call.world.projects[p.project_id].name == project_name)
    ]
    part, page = call.page(sorted_by(found, order, keys))
    grouped = [
        _pipeline(call, p) | {"subtasks": [{"name": s.name, "state": s.state} for s in p.steps]} for p in part
    ]
    return Answer(grouped, page)


def get_pipeline(call: Call, pipeline_id: int) -> Answer:
    pipeline = _known_pipeline(call, pipeline_id)
    return Answer(_pipeline(call, pipeline) | {"subtasks": [_step(s) for s in pipeline.steps]})


def abort_pipeline(call: Call, pipeline_id: int) -> Answer:
    pipeline = _known_pipeline(call, pipeline_id)
    if not call.body({"aborted": Field(bool, required=True)})["aborted"]:
        raise Refused(400, "aborted can only be set to true")
    call.world.abort(pipeline, call.now)
    return Answer({"pipeline_id": pipeline.id})


def pipelines_status(call: Call) -> Answer:
    project = call.number("project_id")
    states = [p.state for p in call.world.pipelines.values() if project is None or p.project_id == project]
    counts = {state: states.count(state) for state in ("complete", "failed", "in_progress", "queued")}
    if call.version >= STATUS_LIMIT:
        counts["limit"] = call.world.workers
    return Answer(counts)


def list_evidences(call: Call) -> Answer:
    keys: dict[str, Callable[[Evidence], Any]] = {"id": lambda e: e.id, "display_name": lambda e: e.name}
    project, name, host = call.number("project_id"), call.text("display_name"), call.text("hostname")
    systems, resources = call.texts("os"), call.texts("resource_type")
    accounts, kinds = call.texts("account_type"), call.texts("evidence_type")
    capture, bad = call.text("capture_type", ("full", "triage")), call.flag("is_compromised")
    found = [
        e
        for e in (call.world.evidences.values() if project is None else call.world.evidence_of(project))
        if (name is None or e.name == name)
        and (host is None or e.instance.hostname == host)
        and (not systems or e.instance.os in systems)
        and (not resources or e.resource_type in resources)
        and (not accounts or "AWS" in accounts)
        and (not kinds or "disk" in kinds)
        and (capture is None or capture == ("full" if e.resource_type == "EBS" else "triage"))
        and (bad is None or bad == (e.malicious > 0))
    ]
    order = call.text("order_by", orders(keys)) or "-id"
    part, page = call.page(sorted_by(found, order, keys))
    return Answer([_evidence(call, e) for e in part], page)


def get_evidence(call: Call, evidence_id: int) -> Answer:
    found = call.world.evidences.get(evidence_id)
    if found is None:
        raise Refused(404, "Evidence not found")
    return Answer(_evidence(call, found))


def list_alarms(call: Call) -> Answer:
    recent = call.version >= INVESTIGATION_ID
    project = call.number("investigation_id") if recent else call.number("project_id", required=True)
    evidence, type_ = call.number("evidence_id"), call.text("alarm_type", ("content", "event"))
    name, host, severities = call.text("alarm_name"), call.text("resource"), call.numbers("alarm_severity")
    order = call.text("order_by", ("id", "-id")) or "-id"
    found = [
        a
        for a in (call.world.alarms if project is None else call.world.alarms_of(project))
        if (evidence is None or a.evidence_id == evidence)
        and (type_ is None or a.type == type_)
        and (name is None or a.kind.description == name)
        and (host is None or a.hostname == host)
        and (not severities or a.kind.severity in severities)
    ]
    part, page = call.page(sorted_by(found, order, {"id": lambda a: a.id}))
    return Answer([_alarm(call, a) for a in part], page)


def alarms_summary(call: Call) -> Answer:
    project = _known_project(call, call.number("investigation_id", required=True))
    evidence, severity = call.number("evidence_id"), call.number("alarm_severity")
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for alarm in call.world.alarms_of(project.id):
        kind = alarm.kind
        if evidence not in (None, alarm.evidence_id) or severity not in (None, kind.severity):
            continue
        row = rows.setdefault(
            (kind.description, kind.severity),
            {
                "description": kind.description,
                "content_alarm_count": 0,
                "event_alarm_count": 0,
                "total_count": 0,
                "severity": kind.severity,
                "attack": list(kind.attack),
            },
        )
        row[f"{alarm.type}_alarm_count"] += 1
        row["total_count"] += 1
    return Answer({"total": sum(r["total_count"] for r in rows.values()), "breakdown": list(rows.values())})


def alarms_overview(call: Call) -> Answer:
    known = [i for i in call.numbers("investigation_ids", required=True) if i in call.world.projects]
    part, page = call.page(known)
    rows = []
    for project_id in part:
        malicious, suspicious = call.world.counts(project_id)
        rows.append({"investigation_id": project_id, "malicious": malicious, "suspicious": suspicious})
    return Answer(rows, page)


_WEBHOOK = {
    "name": Field(str),
    "payload": Field(dict),
    "payload_type": Field(str, choices=PAYLOAD_TYPES),
    "url": Field(str),
    "event_type": Field(str, choices=EVENT_TYPES),
    "enabled": Field(bool),
}
_NEW_WEBHOOK = {
    name: Field(field.kind, required=name != "payload", choices=field.choices)
    for name, field in _WEBHOOK.items()
    if name != "enabled"
}


def list_webhooks(call: Call) -> Answer:
    part, page = call.page(list(call.webhooks.by_id.values()))
    return Answer([_webhook_item(call, h) for h in part], page)


def create_webhook(call: Call) -> Answer:
    body = call.body(_NEW_WEBHOOK)
    body.setdefault("payload", DEFAULT_PAYLOAD)
    _check_webhook(body)
    hook = call.webhooks.add(**body)
    return Answer({"id": hook.id, "webhook": _webhook(hook)}, status=201)


def update_webhook(call: Call, webhook_id: int) -> Answer:
    hook = _known_webhook(call, webhook_id)
    changes = call.body(_WEBHOOK)
    _check_webhook(_webhook(hook) | changes)
    for name, value in changes.items():
        setattr(hook, name, value)
    return Answer({"id": hook.id, "webhook": _webhook(hook)})


def delete_webhook(call: Call, webhook_id: int) -> Answer:
    del call.webhooks.by_id[_known_webhook(call, webhook_id).id]
    return Answer()


def test_webhook(call: Call) -> Answer:
    hook = _known_webhook(call, call.body({"id": Field(int, required=True)})["id"])
    if not call.webhooks.fire(hook, TEST).delivered:
        raise Refused(400, "The webhook could not be sent")
    return Answer({"id": hook.id, "message": "Webhook successfully fired"})


def whoami(call: Call) -> Answer:
    role = call.user.role
    permissions = {name: role in roles for name, roles in _PERMISSIONS.items()}
    return Answer(
        {
            "username": call.user.name,
            "id": call.user.id,
            "display_name": role,
            "changed_password": True,
            "eula_agreed": True,
            "permissions": permissions,
            "rbac_role": role,
        }
    )


def platform_update(call: Call) -> Answer:
    version = call.version_text
    return Answer(
        {
            "version_info": {
                "latest_version": version,
                "latest_release_date": 1782777600,
                "backend_version": version,
                "backend_release_date": 1782777600,
                "cado_host_version": version,
            },
            "allow_updates": True,
        }
    )


def platform_status(call: Call) -> Answer:
    return Answer(
        {
            "instance_utilization": {
                "disk": {"total_space": 346, "used_space": 39, "free_space": 307},
                "cpu_percent": 4.9,
                "memory": {"available": 21651, "total": 33106},
            },
            "deployment_details": {
                "cloud": "aws",
                "account_id": ACCOUNT_ID,
                "supports_azure": True,
                "supports_aws": True,
                "govcloud": False,
                "image_id": "ami-0123456789abcdef0",
                "nfs_enabled": True,
                "local_workers": False,
                "secrets_manager": True,
                "saas": False,
            },
            "warnings": [],
            "latest_boot": 1782777600,
            "external_id": "simulated",
            "tenant_name": None,
            "is_labs": False,
        }
    )


def system_status(call: Call) -> Answer:
    return Answer({"status": "Running", "status_message": "", "is_installing": False, "setup_complete": True})


def list_accounts(call: Call) -> Answer:
    name, types = call.text("account_name"), call.texts("type", ACCOUNT_TYPES)
    rows = [
        {
            "id": number,
            "account_name": account,
            "type": "aws",
            "public_identifier": f"arn:aws:iam::{_account_id(account)}:role/myCadoResponseRole",
            "account_check_id": None,
            "account_last_used": None,
        }
        for number, account in enumerate(call.world.accounts, 1)
        if name in (None, account) and (not types or "aws" in types)
    ]
    part, page = call.page(rows)
    return Answer(part, page)


def get_license(call: Call) -> Answer:
    return Answer(
        {
            "license": {
                "customer_id": "simulated",
                "dev_license": True,
                "issue_date": "2026-01-01",
                "level": "FULL",
                "expiry_date": "2036-01-01",
                "signature": "none",
            }
        }
    )


READERS = (ADMIN, LEAD, ANALYST, READER)
ANALYSTS = (ADMIN, LEAD, ANALYST)
LEADS = (ADMIN, LEAD)
PLATFORM_ADMINS = (ADMIN, PLATFORM)

ROUTES = (
    Route("GET", "/projects", list_projects, READERS),
    Route("POST", "/projects", create_project, LEADS, since=(2, 225)),
    Route("GET", "/projects/{project_id}", get_project, READERS),
    Route("GET", "/import/aws/ec2", browse_ec2, ANALYSTS, since=(2, 190)),
    Route("POST", "/import/aws/ec2", import_ec2, ANALYSTS, since=(2, 190)),
    Route("GET", "/pipelines", list_pipelines, READERS),
    Route("GET", "/pipelines/status", pipelines_status, READERS, since=(2, 269)),
    Route("GET", "/pipelines/{pipeline_id}", get_pipeline, READERS),
    Route("PATCH", "/pipelines/{pipeline_id}", abort_pipeline, ANALYSTS),
    Route("GET", "/evidences", list_evidences, READERS),
    Route("GET", "/evidences/{evidence_id}", get_evidence, READERS),
    Route("GET", "/alarms", list_alarms, READERS),
    Route("GET", "/alarms/summary", alarms_summary, READERS, since=(2, 273)),
    Route("GET", "/alarms/overview", alarms_overview, READERS, since=(2, 294)),
    Route("GET", "/webhooks", list_webhooks, PLATFORM_ADMINS, since=(2, 244)),
    Route("POST", "/webhooks", create_webhook, PLATFORM_ADMINS, since=(2, 244)),
    Route("PATCH", "/webhooks/{webhook_id}", update_webhook, PLATFORM_ADMINS, since=(2, 244)),
    Route("DELETE", "/webhooks/{webhook_id}", delete_webhook, PLATFORM_ADMINS, since=(2, 244)),
    Route("POST", "/webhooks/test", test_webhook, PLATFORM_ADMINS, since=(2, 244), locked=False),
    Route("GET", "/auth/whoami", whoami, ROLES),
    Route("GET", "/platform/update", platform_update, ROLES),
    Route("GET", "/platform", platform_status, ROLES),
    Route("GET", "/system/status", system_status, ROLES),
    Route("GET", "/accounts", list_accounts, (ADMIN, PLATFORM, LEAD, ANALYST)),
    Route("GET", "/license", get_license, ROLES),
)

_PERMISSIONS = {
    "alarms_read": READERS,
    "cloud_accounts_read": (ADMIN, PLATFORM, LEAD, ANALYST),
    "import_data_full": ANALYSTS,
    "import_data_triage": ANALYSTS,
    "license_read": ROLES,
    "pipelines_abort": ANALYSTS,
    "pipelines_read": READERS,
    "platform_status_read": ROLES,
    "projects_create": LEADS,
    "projects_read": READERS,
    "system_read": ROLES,
    "webhook_read": PLATFORM_ADMINS,
    "webhook_write": PLATFORM_ADMINS,
}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _account_id(account: str) -> str:
    if account == "Default":
        return ACCOUNT_ID
    return str(int(hashlib.sha256(account.encode()).hexdigest(), 16))[:12]


def _known_project(call: Call, project_id: int | None) -> Project:
    found = call.world.projects.get(project_id or 0)
    if found is None:
        raise Refused(404, "Project not found")
    return found


def _known_pipeline(call: Call, pipeline_id: int) -> Pipeline:
    found = call.world.pipelines.get(pipeline_id)
    if found is None:
        raise Refused(404, "Pipeline not found")
    return found


def _known_webhook(call: Call, webhook_id: int) -> Webhook:
    found = call.webhooks.by_id.get(webhook_id)
    if found is None:
        raise Refused(404, "Webhook not found")
    return found


def _check_webhook(body: dict[str, Any]) -> None:
    """What the product's documentation asks of a webhook."""
    if not body["name"]:
        raise Refused(400, "name must not be empty")
    if not body["url"].startswith(("http://", "https://")):
        raise Refused(400, "url must be a URL")
    if body["payload_type"] == "jira" and not body["event_type"].startswith("detection_"):
        raise Refused(400, "The jira payload type is only for detection events")
    texts = "\n".join(_strings(body["payload"]))
    if body["payload_type"] == "custom" and not ("$Title" in texts and "$Event" in texts):
        raise Refused(400, "The payload must have both $Title and $Event as values")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]


def _webhook(hook: Webhook) -> dict[str, Any]:
    return {
        "name": hook.name,
        "payload": hook.payload,
        "payload_type": hook.payload_type,
        "url": hook.url,
        "event_type": hook.event_type,
        "enabled": hook.enabled,
    }


def _webhook_item(call: Call, hook: Webhook) -> dict[str, Any]:
    item = {"id": hook.id, **_webhook(hook)}
    if call.version >= WEBHOOK_LAST_SENT:
        item["last_sent"] = hook.last_sent
    if call.version >= WEBHOOK_TIMES_SENT:
        item["times_sent"] = hook.times_sent
    return item


def _project_keys(call: Call) -> dict[str, Callable[[Project], Any]]:
    return {
        "created": lambda p: p.id,
        "name": lambda p: p.name,
        "status": lambda p: PROJECT_STATES[0],
        "id": lambda p: p.id,
        "malicious": lambda p: call.world.counts(p.id)[0],
        "suspicious": lambda p: call.world.counts(p.id)[1],
        "evidences": lambda p: len(call.world.evidence_of(p.id)),
        "items_identified": lambda p: 0,
        "description": lambda p: p.description,
        "ai_summary": lambda p: 0,
        "last_acquisition": lambda p: p.last_acquisition or 0.0,
    }


def _project(call: Call, project: Project, *, alarms: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": project.id,
        "created": _ms(project.created),
        "evidences": len(call.world.evidence_of(project.id)),
        "details": {
            "name": project.name,
            "description": project.description,
            "items_identified": 0,
            "status": PROJECT_STATES[0],
        },
        "ai_summary": None,
        "last_update": _ms(project.last_update),
        "scan_rule_count": 0,
    }
    if alarms:
        malicious, suspicious = call.world.counts(project.id)
        item["alarms"] = {"malicious": malicious, "suspicious": suspicious}
    if project.last_acquisition is not None:
        item["last_acquisition"] = _ms(project.last_acquisition)
    return item


def _wanted_states(call: Call) -> tuple[str, ...] | None:
    if call.version >= PIPELINE_STATUS:
        state = call.text("pipeline_status", STATES)
        return None if state is None else (state,)
    word = call.text("pipeline_status", tuple(OLD_STATES))
    return None if word is None else OLD_STATES[word]


def _evidence_name(call: Call, pipeline: Pipeline) -> str:
    evidence = call.world.evidences.get(pipeline.evidence_id or 0)
    return evidence.name if evidence else ""


def _pipeline_keys(call: Call) -> dict[str, Callable[[Pipeline], Any]]:
    return {
        "project_name": lambda p: call.world.projects[p.project_id].name,
        "evidence_name": lambda p: _evidence_name(call, p),
        "created": lambda p: p.id,
        "user_name": lambda p: p.user.name,
    }


def _pipeline(call: Call, pipeline: Pipeline) -> dict[str, Any]:
    states = [step.state for step in pipeline.steps]
    project = call.world.projects[pipeline.project_id]
    item: dict[str, Any] = {
        "aborted": pipeline.aborted,
        "can_be_terminated": not pipeline.ended,
        "created": _ms(pipeline.created),
        "evidence": None,
        "kick_off": [],
        "name": pipeline.name,
        "pipeline": {"id": pipeline.id, "type": pipeline.type},
        "project": {"id": project.id, "name": project.name},
        "summary": {
            "total": len(states),
            **{
                word.lower(): states.count(word)
                for word in ("SUCCESS", "FAILURE", "PENDING", "CANCELLED", "RUNNING")
            },
        },
        "terminated": pipeline.ended,
        "user": {"id": pipeline.user.id, "name": pipeline.user.name},
    }
    if pipeline.evidence_id:
        item["evidence"] = {"id": pipeline.evidence_id, "name": _evidence_name(call, pipeline)}
    if pipeline.triggered_by:
        item["triggering_pipeline_id"] = pipeline.triggered_by
    if call.version >= PIPELINE_STATUS:
        item["status"] = pipeline.state
    if call.version >= PIPELINE_START_TIME:
        item["start_time"] = None if pipeline.started is None else _ms(pipeline.started)
    return item


def _step(step: Step) -> dict[str, Any]:
    return {
        "execution_duration": round(step.finished - step.started) if step.finished else 0,
        "finish_time": _ms(step.finished),
        "name": step.name,
        "name_key": step.key,
        "notification_level": "Info",
        "progress_text": list(step.text),
        "start_time": _ms(step.started),
        "state": step.state,
        "total_stages": None,
    }


def _evidence(call: Call, evidence: Evidence) -> dict[str, Any]:
    machine = evidence.instance
    item: dict[str, Any] = {
        "alarms": {"malicious": evidence.malicious, "suspicious": evidence.suspicious},
        "id": evidence.id,
        "project_id": evidence.project_id,
        "display_name": evidence.name,
        "description": "",
        "log": datetime.fromtimestamp(evidence.created, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "details": {
            "os": machine.os,
            "hostname": machine.hostname,
            "disk_size": evidence.gb * 1024,
            "disk_hash": hashlib.sha256(evidence.resource_id.encode()).hexdigest(),
            "unique_logs": [],
            "is_cado_host": evidence.resource_type == "EC2",
            "type": "disk",
            "has_network_data": False,
        },
        "resource": {
            "id": evidence.resource_id,
            "type": evidence.resource_type,
            "account_id": _account_id(machine.account),
            "account_type": "AWS",
            "roles": [],
            "parent_id": evidence.parent_id,
        },
        "preservation": {
            "raw": f"s3://cadoresponse-simulated/cado_cloud_collector_{evidence.resource_id}"
            f"_{evidence.gb}GB_{int(evidence.created)}.dd.gz"
        },
        "items": evidence.items,
        "processing_ran": evidence.processed is not None,
    }
    if evidence.processed is not None:
        item["last_processed"] = int(evidence.processed)
        item["processed_platform_version"] = call.version_text
    return item


def _alarm(call: Call, alarm: Alarm) -> dict[str, Any]:
    kind = alarm.kind
    item: dict[str, Any] = {
        "id": alarm.id,
        "type": alarm.type,
        "resource": alarm.hostname,
        "item_id": alarm.item_id,
        "source": "yara" if kind.path else "event",
        "severity": kind.severity,
        "description": kind.description,
        "attack": list(kind.attack),
        "first_seen": int(alarm.seen),
        "last_seen": int(alarm.seen),
    }
    if kind.path:
        item["full_path"] = kind.path
    if call.version >= INVESTIGATION_ID:
        item["evidence_id"] = alarm.evidence_id
    if call.version >= ALARM_EVIDENCE_NAME:
        item["evidence_name"] = alarm.evidence_name
    return item


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except (binascii.Error, ValueError):
        raise Refused(400, "cursor is not one that was given out") from None
