"""The platform's list of vulnerabilities: those of the packages that it finds in evidence.

The specification marks it as beta. A row of an unexpected shape is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.models.vulnerabilities import SEVERITIES, Vulnerability
from shared.platform.transport import Transport
from shared.platform.wire import Id, JsonObject, Text, parse
from shared.text import one_line

MOST = 3_000  # of one project that are read
_PATH = "/api/v3/vulnerabilities"
_IN_USE = {"true": True, "false": False}  # else undetermined


class VulnerabilityJson(JsonObject):
    cve: Text = None
    severity: Text = None
    pkg_name: Text = None
    installed_version: Text = None
    fixed_version: Text = None
    title: Text = None
    target: Text = None
    package_in_use: Text = None
    evidence_id: Id = None


class Vulnerabilities:
    """Every method raises CadoError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def of_project(self, project_id: int) -> tuple[list[Vulnerability], bool]:
        """The critical and high ones, the critical ones first; and whether these are all. Each page is asked
        for once."""
        params = {"investigation_id": project_id, "severity": list(SEVERITIES), "order_by": "-severity"}
        items, are_all = self._transport.first(_PATH, params, MOST)
        return list(_vulnerabilities(items)), are_all


def _vulnerabilities(items: list[Any]) -> Iterator[Vulnerability]:
    for item in items:
        row = parse(VulnerabilityJson, item)
        severity = next((each for each in SEVERITIES if each == row.severity), None)
        if severity is None or not row.cve:
            continue
        yield Vulnerability(
            cve=one_line(row.cve, 60),
            severity=severity,
            package=one_line(row.pkg_name or "", 100),
            installed=one_line(row.installed_version or "", 60),
            fixed=one_line(row.fixed_version or "", 60),
            title=one_line(row.title or "", 150),
            target=one_line(row.target or "", 200),
            in_use=_IN_USE.get(row.package_in_use or ""),
            evidence_id=row.evidence_id,
        )
