"""A stage that delivers to a simulated Jira alone, and Jira's own description of what may be asked of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator

from demo.jira.simulation import Jira
from receiver.destinations.jira.destination import JiraDestination
from shared.config.destinations.jira import JiraConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import TimedOut
from shared.secrets import Secret
from tests.receiver.conftest import Stage

SPECIFICATION = Path(__file__).resolve().parents[5] / "shared" / "contracts" / "jira-cloud-v3.json"
CLOUD_ID = "11223344-a1b2-3b33-c444-def123456789"
CLOUD = {
    "type": "jira",
    "url": "https://acme.atlassian.net",
    "email": "hunt@acme.example",
    "api_token": "env:T",
    "project": "SEC",
    "issue_type": "Incident",
}
DATA_CENTER = {
    "type": "jira",
    "token": "env:T",
    "api": "datacenter",
    "project": "SEC",
    "issue_type": "Incident",
}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    data: bytes | None
    status: int = 0  # of the answer
    answer: bytes = b""

    @property
    def what(self) -> tuple[str, str]:
        """Method, and the path below the API's own."""
        return self.method, re.sub(r"^.*/rest/api/[23]/", "", self.path)


class Wire(Http):
    """Http without a socket. `lose`: for each request, whether its answer is lost on the way back."""

    def __init__(self, jira: Jira, lose: Callable[[str, str], bool] = lambda method, path: False) -> None:
        self._app, self._lose = jira.app, lose
        self.requests: list[Asked] = []

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [request.what for request in self.requests]

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
        read_timeout: float | None = None,
    ) -> Answer:
        assert json is None
        parts = urlsplit(url)
        given = [(name, str(value)) for name, value in (params or {}).items()]
        query = (*parse_qsl(parts.query), *given)
        response = self._app.test_client().open(
            parts.path, method=method, headers=headers, query_string=query, data=data
        )
        answered = response.status_code, response.data
        asked = Asked(method, parts.path, query, dict(headers or {}), data, *answered)
        self.requests.append(asked)
        if self._lose(*asked.what):
            raise TimedOut(parts.netloc, sent=True, detail="timeout")
        return Answer(response.status_code, dict(response.headers), response.data)


def staged(
    make_stage: Callable[..., Stage],
    lose: Callable[[str, str], bool] = lambda method, path: False,
    settings: dict[str, Any] | None = None,
    **of_jira: Any,
) -> tuple[Stage, Jira, Wire]:
    """A stage, its Jira, and what was asked of it. `settings`: of the destination."""
    jira = Jira(now=lambda: stage.moment.timestamp(), **of_jira)
    url = {"url": f"https://jira.corp.example{jira.root}"}
    if jira.public_url:
        url = {"url": f"https://api.atlassian.com{jira.root}"}
    config: dict[str, Any] = (DATA_CENTER | url if jira.datacenter else CLOUD | url) | (settings or {})
    if not jira.datacenter and not jira.public_url:
        config["url"] = "https://acme.atlassian.net"
    stage = make_stage(destinations={"tickets": config}, default=["tickets"])
    wire = Wire(jira, lose)
    stage.tools["tickets"] = JiraDestination(
        "tickets",
        JiraConfig(**config),
        wire,
        Secret("demo-token"),
        clock=lambda: stage.moment.timestamp(),
    )
    stage.work = stage.worker()
    return stage, jira, wire


def once(*wanted: tuple[str, str]) -> Callable[[str, str], bool]:
    """Loses the first answer to each of these."""
    left = list(wanted)

    def lose(*asked: str) -> bool:
        if asked in left:
            left.remove(asked)
            return True
        return False

    return lose


# Jira's own description


def violations(requests: Iterable[Asked]) -> Iterator[str]:
    """What Jira's OpenAPI does not allow of these requests, or of the simulated answers to them. Of an object
    that is sent nothing is allowed that the description does not name or that only Jira may write."""
    for asked in requests:
        path = re.sub(r"^.*/rest/api/[23]/", "/rest/api/3/", asked.path)
        operation = _operation(asked.method.lower(), path)
        if operation is None:
            yield f"{asked.method} {path}: there is no such operation"
            continue
        for problem in (*_asked_wrongly(asked, operation), *_answered_wrongly(asked, operation)):
            yield f"{asked.method} {path}: {problem}"


def _operation(method: str, path: str) -> Any:
    return next(
        (found[method] for pattern, found in _paths() if pattern.fullmatch(path) and method in found), None
    )


def _asked_wrongly(asked: Asked, operation: Any) -> Iterator[str]:
    parameters = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}
    given = {name for name, _ in asked.query}
    if unknown := given - parameters.keys():
        yield f"unknown parameters {unknown}"
    if missing := {name for name, one in parameters.items() if one.get("required")} - given:
        yield f"missing parameters {missing}"
    content = operation.get("requestBody", {}).get("content", {})
    kind = asked.headers.get("Content-Type", "").partition(";")[0]
    if asked.data is None:
        if content:
            yield "a body is missing"
    elif kind not in content:
        yield f"a body of type {kind}"
    elif kind == "application/json":
        validator = _validator(json.dumps(content[kind]["schema"]), sent=True)
        yield from (error.message for error in validator.iter_errors(json.loads(asked.data)))
    elif asked.headers.get("X-Atlassian-Token") != "no-check" or b'name="file"' not in asked.data:
        yield "an upload that Jira takes for a forged one, or without a file"


def _answered_wrongly(asked: Asked, operation: Any) -> Iterator[str]:
    """A refusal need not be described."""
    described = operation["responses"].get(str(asked.status))
    if described is None:
        if 200 <= asked.status < 300:
            yield f"answered {asked.status}"
        return
    if schema := described.get("content", {}).get("application/json", {}).get("schema"):
        validator = _validator(json.dumps(schema), sent=False)
        if 200 <= asked.status < 300:
            yield from (error.message for error in validator.iter_errors(json.loads(asked.answer)))


@cache
def _specification() -> Any:
    return json.loads(SPECIFICATION.read_text(encoding="utf-8"))


@cache
def _paths() -> list[tuple[re.Pattern[str], Any]]:
    # Fixed paths first: /issue/createmeta is no issue's key.
    found = sorted(_specification()["paths"].items(), key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))), what) for path, what in found]


@cache
def _validator(schema: str, *, sent: bool) -> Draft202012Validator:
    components = json.loads(json.dumps(_specification()["components"]))
    for one in components["schemas"].values() if sent else ():
        if "properties" in one:
            one["properties"] = {n: p for n, p in one["properties"].items() if not p.get("readOnly")}
            one["additionalProperties"] = False
    return Draft202012Validator({**json.loads(schema), "components": components})
