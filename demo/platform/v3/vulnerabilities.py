"""API v3: the vulnerabilities of the packages that the platform found in evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from demo.platform.calls import Call, sorted_by
from demo.platform.records import Evidence, SimVulnerability
from demo.platform.v3.answers import Answer, milliseconds

SEVERITIES = ("critical", "high", "medium", "low", "unknown")
IN_USE = ("true", "false", "undetermined")
SYSTEMS = ("Linux", "Windows", "MacOS")


def list_vulnerabilities(call: Call) -> Answer:
    project, evidence_id = call.number("investigation_id"), call.number("evidence_id")
    severities, in_use = call.texts("severity", SEVERITIES), call.texts("package_in_use", IN_USE)
    cve, package, title = call.text("cve"), call.text("package"), call.text("title")
    target, resource, systems = call.text("target"), call.text("resource"), call.texts("os", SYSTEMS)
    call.flag("latest_results")
    order = call.text("order_by", ("severity", "-severity")) or "-severity"
    matching = [
        (evidence, found)
        for evidence, found in _all(call)
        if project in (None, evidence.project_id)
        and evidence_id in (None, evidence.id)
        and (not severities or found.severity in severities)
        and (not in_use or found.in_use in in_use)
        and (not systems or evidence.instance.os in systems)
        and cve in (None, found.cve)
        and package in (None, found.package)
        and title in (None, found.title)
        and target in (None, found.target)
        and resource in (None, evidence.resource_id)
    ]
    keys = {"severity": lambda pair: -SEVERITIES.index(pair[1].severity)}
    part, page = call.page(sorted_by(matching, order, keys))
    return Answer([_vulnerability(evidence, found) for evidence, found in part], page)


def _all(call: Call) -> Iterator[tuple[Evidence, SimVulnerability]]:
    """Those of a machine are found in its first evidence of a project."""
    seen = set()
    for evidence in call.world.evidences.values():
        machine = (evidence.project_id, evidence.instance.instance_id)
        if evidence.processed is not None and machine not in seen:
            seen.add(machine)
            yield from ((evidence, found) for found in evidence.instance.vulnerabilities)


def _vulnerability(evidence: Evidence, found: SimVulnerability) -> dict[str, Any]:
    item: dict[str, Any] = {
        "cve": found.cve,
        "resource": evidence.resource_id,
        "evidence_name": evidence.name,
        "severity": found.severity,
        "status": "fixed" if found.fixed else "affected",
        "title": found.title,
        "description": found.title,
        "published_date": 1_700_000_000,
        "last_modified_date": 1_700_000_000,
        "target": found.target,
        "pkg_id": f"{found.package}@{found.installed}",
        "pkg_name": found.package,
        "installed_version": found.installed,
        "os": evidence.instance.os,
        "evidence_id": evidence.id,
        "first_seen": milliseconds(evidence.created),
        "last_seen": milliseconds(evidence.created),
        "package_in_use": found.in_use,
        "in_use_file_paths": [f"/usr/lib/{found.package}"] if found.in_use == "true" else [],
    }
    return item | ({"fixed_version": found.fixed} if found.fixed else {})
