"""API v3: alarms, one by one and counted."""

from __future__ import annotations

from typing import Any

from demo.platform.calls import Call, sorted_by
from demo.platform.records import Alarm
from demo.platform.v3.answers import ALARM_EVIDENCE_NAME, INVESTIGATION_ID, Answer
from demo.platform.v3.projects import known_project


def list_alarms(call: Call) -> Answer:
    recent = call.version >= INVESTIGATION_ID
    project = call.number("investigation_id") if recent else call.number("project_id", required=True)
    evidence, type_ = call.number("evidence_id"), call.text("alarm_type", ("content", "event"))
    name, host, severities = call.text("alarm_name"), call.text("resource"), call.numbers("alarm_severity")
    order = call.text("order_by", ("id", "-id")) or "-id"
    matching = [
        a
        for a in (call.world.alarms if project is None else call.world.alarms_of(project))
        if (evidence is None or a.evidence_id == evidence)
        and (type_ is None or a.kind.type == type_)
        and (name is None or a.kind.description == name)
        and (host is None or a.hostname == host)
        and (not severities or a.kind.severity in severities)
    ]
    part, page = call.page(sorted_by(matching, order, {"id": lambda a: a.id}))
    return Answer([_alarm(call, a) for a in part], page)


def alarms_summary(call: Call) -> Answer:
    project = known_project(call, call.number("investigation_id", required=True))
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
        row[f"{kind.type}_alarm_count"] += 1
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


def _alarm(call: Call, alarm: Alarm) -> dict[str, Any]:
    kind = alarm.kind
    item: dict[str, Any] = {
        "id": alarm.id,
        "type": kind.type,
        "resource": alarm.hostname,
        "item_id": alarm.item_id,
        "source": "yara" if kind.type == "content" else "event",
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
