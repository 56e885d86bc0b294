"""Destinations for a simulated Jira, and some of its answers."""

from __future__ import annotations

import json
from typing import Any

from receiver.destinations.jira.destination import JiraDestination
from shared.config.destinations.jira import JiraConfig
from shared.http.client import Http
from shared.secrets import Secret

CREATED = json.dumps({"id": "10000", "key": "SEC-7", "self": "https://elsewhere.example/"})


OPEN = json.dumps({"key": "SEC-3", "fields": {"status": {"statusCategory": {"key": "new"}}}})
LOOK = (
    "/rest/api/3/issue/SEC-3?fields="
    "status%2Cresolution%2Cresolutiondate%2Cstatuscategorychangedate%2Cattachment"
)


def cloud(origin: str, **more: Any) -> JiraDestination:
    login = {"email": "hunt@acme.example", "api_token": "env:T"}
    config = JiraConfig(
        **{"type": "jira", "url": origin, "project": "SEC", "issue_type": "Incident", "api": "cloud"}
        | login
        | more
    )
    return JiraDestination("tickets", config, Http(), Secret("t0ken"))


def datacenter(origin: str, **more: Any) -> JiraDestination:
    login = {"token": "env:T", "api": "datacenter"}
    config = JiraConfig(**{"type": "jira", "url": f"{origin}/jira", "project": "SEC"} | login | more)
    return JiraDestination("tickets", config, Http(), Secret("t0ken"))


def collection(*messages: str, **errors: str) -> str:
    return json.dumps({"errorMessages": list(messages), "errors": errors})


def asked(peer: Any) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in peer.requests]
