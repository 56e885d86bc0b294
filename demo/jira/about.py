"""Calls about the site and the caller: server information, permissions, resolutions."""

from __future__ import annotations

from flask import Response, jsonify, request

from demo.base import Refusal
from demo.jira.site import PERMISSIONS, Site, error_body


def refused_by_site(**_: str) -> Response:
    """The site itself refuses a token with scopes, which only the gateway accepts."""
    text = "Client must be authenticated to access this resource."
    raise Refusal(401, text, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})


def server_info(site: Site) -> Response:
    version, kind = ("9.12.2", "Server") if site.datacenter else ("1001.0.0-SNAPSHOT", "Cloud")
    return jsonify(
        baseUrl=site.public_url or f"{request.host_url.rstrip('/')}{site.root}",
        version=version,
        versionNumbers=[int(part) for part in version.split("-")[0].split(".")],
        deploymentType=kind,
        serverTitle="Jira",
    )


def myself(site: Site) -> Response:
    who = {"name": "hunt", "key": "JIRAUSER10100"} if site.datacenter else {"accountId": "5b10a2844c20"}
    return jsonify({"self": request.base_url, "displayName": "huntbridge", "active": True} | who)


def mypermissions(site: Site) -> Response:
    if project := request.args.get("projectKey"):
        site.check_project(project)
    asked = request.args.get("permissions", "")
    if not asked and not site.datacenter:
        raise Refusal(400, error_body("The 'permissions' query parameter is required."))
    names = asked.split(",") if asked else list(PERMISSIONS)
    if unknown := [name for name in names if name not in PERMISSIONS]:
        raise Refusal(400, error_body(f"Unrecognized permission keys: {', '.join(unknown)}"))
    held = {name: {"key": name, "havePermission": name in site.permissions} for name in names}
    return jsonify(permissions=held)


def list_projects(site: Site) -> Response:
    """The projects that the caller may browse."""
    may_browse = "BROWSE_PROJECTS" in site.permissions
    projects = [{"id": "10000", "key": site.project, "name": "Security"}] if may_browse else []
    return jsonify(projects) if site.datacenter else site.page(projects, "values")


def list_resolutions(site: Site) -> Response:
    resolutions = [{"id": str(10_000 + n), "name": name} for n, name in enumerate(site.resolutions)]
    return jsonify(resolutions) if site.datacenter else site.page(resolutions, "values")
