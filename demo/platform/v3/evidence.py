"""API v3: evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from demo.platform.calls import Call, Refused, orders, sorted_by
from demo.platform.records import Evidence
from demo.platform.v3.accounts import account_id
from demo.platform.v3.answers import Answer


def list_evidences(call: Call) -> Answer:
    keys: dict[str, Callable[[Evidence], Any]] = {"id": lambda e: e.id, "display_name": lambda e: e.name}
    project, name, host = call.number("project_id"), call.text("display_name"), call.text("hostname")
    systems, resources = call.texts("os"), call.texts("resource_type")
    accounts, kinds = call.texts("account_type"), call.texts("evidence_type")
    capture, bad = call.text("capture_type", ("full", "triage")), call.flag("is_compromised")
    matching = [
        e
        for e in (call.world.evidences.values() if project is None else call.world.evidence_of(project))
        if (name is None or e.name == name)
        and (host is None or e.instance.hostname == host)
        and (not systems or e.instance.os in systems)
        and (not resources or e.resource_type in resources)
        and (not accounts or e.account_type in accounts)
        and (not kinds or "disk" in kinds)
        and (capture is None or capture == ("triage" if e.triage else "full"))
        and (bad is None or bad == (e.malicious > 0))
    ]
    order = call.text("order_by", orders(keys)) or "-id"
    part, page = call.page(sorted_by(matching, order, keys))
    return Answer([_evidence(call, e) for e in part], page)


def get_evidence(call: Call, evidence_id: int) -> Answer:
    return Answer(_evidence(call, known_evidence(call, evidence_id)))


def known_evidence(call: Call, evidence_id: int) -> Evidence:
    evidence = call.world.evidences.get(evidence_id)
    if evidence is None:
        raise Refused(404, "Evidence not found")
    return evidence


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
            "is_cado_host": evidence.triage,
            "type": "disk",
            "has_network_data": False,
        },
        "resource": {
            "id": evidence.resource_id,
            "type": evidence.resource_type,
            "account_id": account_id(machine.account),
            "account_type": evidence.account_type,
            "roles": [],
            "parent_id": evidence.parent_id,
        },
        "preservation": {
            "raw": "s3://cadoresponse-simulated/cado_cloud_collector_"
            f"{evidence.resource_id.replace('/', '_')}_{evidence.gb}GB_{int(evidence.created)}.dd.gz"
        },
        "items": evidence.items,
        "processing_ran": evidence.processed is not None,
    }
    if evidence.processed is not None:
        item["last_processed"] = int(evidence.processed)
        item["processed_platform_version"] = call.version_text
    return item
