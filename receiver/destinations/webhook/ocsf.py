"""Composes an alarm as a Detection Finding of OCSF 1.8 (class 2004), for a `webhook` destination whose
`format` is `ocsf`.

All messages about one case have the same `finding_info.uid`: the first creates the finding, further ones
update it, and the closing of the case closes it. Events that are no finding, such as the end of a hunt, have
no class here; they are sent in huntbridge's own format.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from receiver.destinations.wording import safe_links
from receiver.messages.counts import malicious_count, suspicious_count, worst_first
from receiver.messages.message import Message
from shared.models import attack
from shared.models.alarms import Alarm
from shared.models.cases import CaseState
from shared.models.decisions import Action, Verdict
from shared.models.event_kinds import ALARM_KINDS, DECISION_KINDS, UNACKNOWLEDGED
from shared.models.evidence import Finding
from shared.models.kinds_of_system import ABILITIES, Provider
from shared.models.severity import Severity
from shared.models.systems import Kind
from shared.text import clean, one_line

VERSION = "1.8.0"
CLASS, CATEGORY = 2004, 2
CREATE, UPDATE, CLOSE = 1, 2, 3  # activity_id
_FINDING_KINDS = frozenset(
    {*ALARM_KINDS, *DECISION_KINDS, UNACKNOWLEDGED, "detection_created", "detection_updated"}
)
_ACTIVITIES = {CREATE: "Create", UPDATE: "Update", CLOSE: "Close"}
_SEVERITIES = {
    Severity.MALICIOUS: (5, "Critical"),
    Severity.SUSPICIOUS: (3, "Medium"),
    Severity.INFO: (1, "Informational"),
    Severity.UNKNOWN: (0, "Unknown"),
}
_STATES = {
    CaseState.OPEN: (1, "New"),
    CaseState.ACKNOWLEDGED: (2, "In Progress"),
    CaseState.CLOSED: (4, "Resolved"),
}
_STATE_AFTER = {
    Action.ACKNOWLEDGE: CaseState.ACKNOWLEDGED,
    Action.RELEASE: CaseState.OPEN,
    Action.CLOSE: CaseState.CLOSED,
    Action.REOPEN: CaseState.OPEN,
}
_VERDICTS = {
    Verdict.FALSE_POSITIVE: (1, "False Positive"),
    Verdict.TRUE_POSITIVE: (2, "True Positive"),
    Verdict.BENIGN: (5, "Benign"),
}
_HOSTNAME, _IP, _HASH, _RESOURCE, _PATH = 1, 2, 8, 10, 45  # type_id of an observable
_NAMES_OF_TYPES = {
    _HOSTNAME: "Hostname",
    _IP: "IP Address",
    _HASH: "Hash",
    _RESOURCE: "Resource UID",
    _PATH: "File Path",
}
_PROVIDERS = {Provider.AWS: "AWS", Provider.AZURE: "Azure", Provider.GCP: "GCP"}  # as the schema writes them
_REGULAR_FILE, _SHA256 = 1, 3
_MAX_NAME, _MAX_TEXT, _MAX_PATH, _MAX_TAG = 200, 2_000, 1_000, 256
_MOST_FINDINGS, _MOST_TECHNIQUES, _MOST_OTHERS = 100, 50, 50


def is_finding(message: Message) -> bool:
    """Whether the message is about a finding. A digest tells of many alarms at once, and is none."""
    return message.alarm is not None and message.kind in _FINDING_KINDS


def payload(message: Message, limit: int) -> bytes:
    """The document in UTF-8, at most `limit` bytes long. The least severe findings are left out first, and
    then tags, facts and gaps."""
    kept, others = _MOST_FINDINGS, _MOST_OTHERS
    while True:
        document = detection_finding(message, kept, others)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) <= limit or not others:
            return body
        kept, others = (kept // 2, others) if kept else (0, others // 2)


def detection_finding(
    message: Message, most: int = _MOST_FINDINGS, most_others: int = _MOST_OTHERS
) -> dict[str, Any]:
    """`most`: how many findings are told of. `most_others`: how many tags, facts and gaps."""
    alarm = message.alarm
    assert alarm is not None
    findings = worst_first(alarm.findings)[:most]
    activity, state = _activity(alarm), _state(message, alarm)
    severity_id, severity = _SEVERITIES[message.severity]
    cloud, verdict = _cloud(alarm), _verdict(alarm)
    left_out = max(len(alarm.findings), alarm.findings_total) - len(findings)
    document = {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {_ACTIVITIES[activity]}",
        "severity_id": severity_id,
        "severity": severity,
        **_named("status", _STATES[state]),
        "status_detail": one_line(alarm.decision.why, _MAX_TEXT) if alarm.decision else None,
        "time": _milliseconds(alarm.event.received_at),
        "message": message.title,
        "is_alert": True,
        "count": (malicious_count(alarm) or 0) + (suspicious_count(alarm) or 0) or None,
        "metadata": {
            "version": VERSION,
            "product": {"name": "huntbridge", "vendor_name": "huntbridge"},
            "uid": message.id,
            "correlation_uid": one_line(message.case_key, 300),
            "event_code": message.kind,
            "profiles": [
                name for name, used in (("cloud", cloud), ("incident", verdict or _holder(alarm))) if used
            ],
            "labels": list(message.labels),
            "is_truncated": left_out > 0,
        },
        "cloud": cloud,
        "finding_info": _finding_info(message, alarm, findings),
        "resources": list(_resources(alarm, most_others)),
        "evidences": [_evidence(each) for each in findings if _path(each)],
        "observables": list(_observables(alarm, findings)),
        **_named("verdict", verdict),
        "assignee": {"name": _holder(alarm)} if _holder(alarm) else None,
        "unmapped": {
            "maybe_repeat": message.maybe_repeat,
            "findings_left_out": left_out,
            "gaps": list(message.gaps[:most_others]),
            "facts": [{"label": fact.label, "value": fact.value} for fact in message.facts[:most_others]],
        },
    }
    return {key: value for key, value in document.items() if value not in (None, "", [], {})}


def _activity(alarm: Alarm) -> int:
    if alarm.decision and alarm.decision.action is Action.CLOSE:
        return CLOSE
    if alarm.event.kind not in ALARM_KINDS and not alarm.event.detection:
        return UPDATE
    known = alarm.earlier or alarm.reopens or alarm.sent_again or (alarm.change and alarm.change.first_at)
    return UPDATE if known else CREATE


def _state(message: Message, alarm: Alarm) -> CaseState:
    if message.decided_since:
        return message.decided_since
    if alarm.decision:
        return _STATE_AFTER[alarm.decision.action]
    return CaseState.ACKNOWLEDGED if alarm.acknowledgement else CaseState.OPEN


def _verdict(alarm: Alarm) -> tuple[int, str] | None:
    return _VERDICTS[alarm.decision.verdict] if alarm.decision and alarm.decision.verdict else None


def _holder(alarm: Alarm) -> str:
    return one_line(alarm.acknowledgement.by, _MAX_NAME) if alarm.acknowledgement else ""


def _named(key: str, value: tuple[int, str] | None) -> dict[str, Any]:
    return {f"{key}_id": value[0], key: value[1]} if value else {}


def _finding_info(message: Message, alarm: Alarm, findings: list[Finding]) -> dict[str, Any]:
    link = next((link.url for link in safe_links(message) if link.name == "platform"), None)
    first_at = alarm.change.first_at if alarm.change else None
    info = {
        "uid": one_line(message.case_key, 300) or message.id,
        "title": message.title,
        "desc": message.summary,
        "types": [one_line(each.description, _MAX_NAME) for each in findings],
        "attacks": list(_attacks(findings)),
        "src_url": link,
        "first_seen_time": _milliseconds(first_at) if first_at else None,
        "last_seen_time": _milliseconds(alarm.event.received_at),
    }
    return {key: value for key, value in info.items() if value}


def _attacks(findings: list[Finding]) -> Iterator[dict[str, Any]]:
    ids = dict.fromkeys(id for each in findings for id in each.attack if attack.is_id(id))
    for id in list(ids)[:_MOST_TECHNIQUES]:
        key = "tactic" if id.startswith("TA") else "sub_technique" if "." in id else "technique"
        value = {"uid": id, "name": attack.name(id), "src_url": attack.url(id)}
        yield {key: {name: text for name, text in value.items() if text}}


def _cloud(alarm: Alarm) -> dict[str, Any] | None:
    instance, evidence, system = alarm.instance, alarm.evidence, alarm.system
    account = (instance and instance.account_id) or (evidence and evidence.account_id) or ""
    region = (system and system.region) or (instance and instance.region) or ""
    if not (account or region or (instance and instance.zone)):  # a resource may have a zone only in a cloud
        return None
    kind = system.kind if system else Kind.EC2
    cloud = {
        "provider": _PROVIDERS[ABILITIES[kind].provider],
        "region": one_line(region, _MAX_NAME),
        "account": {"uid": one_line(account, _MAX_NAME)} if account else None,
    }
    return {key: value for key, value in cloud.items() if value}


def _resources(alarm: Alarm, most_tags: int) -> Iterator[dict[str, Any]]:
    instance, evidence = alarm.instance, alarm.evidence
    uid = (alarm.system and alarm.system.instance) or (instance and instance.id) or ""
    uid = one_line(uid or (evidence and evidence.instance) or "", _MAX_NAME)
    kind, own = Kind.EC2, ""
    if alarm.system and alarm.system.kind is not Kind.EC2:
        kind, own = alarm.system.kind, alarm.system.name  # its id already names it
    name = one_line(own or (instance and instance.name) or (evidence and evidence.hostname) or "", _MAX_NAME)
    if not uid and not name:
        return
    resource = {
        "uid": uid,
        "name": name,
        "type": ABILITIES[kind].noun,
        "hostname": one_line(evidence.hostname, _MAX_NAME) if evidence else "",
        "ip": _address(instance.private_ip) if instance else "",
        "region": one_line(instance.region, _MAX_NAME) if instance else "",
        "zone": one_line(instance.zone, _MAX_NAME) if instance else "",
        "tags": [
            {"name": clean(key, _MAX_TAG), "value": clean(value, _MAX_TAG)}
            for key, value in list(instance.tags.items() if instance else ())[:most_tags]
        ],
    }
    yield {key: value for key, value in resource.items() if value}


def _address(text: str) -> str:
    """The text if it is an IP address; otherwise empty, since the schema takes nothing else."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _evidence(finding: Finding) -> dict[str, Any]:
    path = clean(_path(finding), _MAX_PATH)
    file: dict[str, Any] = {"name": _base_name(path), "path": path, "type_id": _REGULAR_FILE}
    if hashes := _contents(finding):
        file["hashes"] = [{"algorithm_id": _SHA256, "algorithm": "SHA-256", "value": each} for each in hashes]
    return {"name": one_line(finding.description, _MAX_NAME), "file": file}


def _path(finding: Finding) -> str:
    """The path of its newest alarm, or else the first place that is known; empty if none is."""
    return finding.path or next((place.path for place in finding.artefacts if place.path), "")


def _base_name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path


def _contents(finding: Finding) -> list[str]:
    """The hashes of the file that the finding names."""
    return [each for place in finding.artefacts if place.path == _path(finding) for each in place.contents]


def _observables(alarm: Alarm, findings: list[Finding]) -> Iterator[dict[str, Any]]:
    instance, evidence = alarm.instance, alarm.evidence
    found: list[tuple[str, int, str]] = []
    if instance:
        found.append(("resources[].uid", _RESOURCE, instance.id))
        found += [("resources[].ip", _IP, _address(ip)) for ip in (instance.private_ip, instance.public_ip)]
    if evidence:
        found.append(("resources[].hostname", _HOSTNAME, evidence.hostname))
    for finding in findings:
        found.append(("evidences[].file.path", _PATH, _path(finding)))
        found += [("evidences[].file.hashes[].value", _HASH, each) for each in _contents(finding)]
    for name, type, value in dict.fromkeys(found):
        if value:
            text = clean(value, _MAX_PATH)
            yield {"name": name, "type_id": type, "type": _NAMES_OF_TYPES[type], "value": text}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)
