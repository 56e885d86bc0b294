"""Describes the JSON API as an OpenAPI 3.1 document. The answers' schemas are made from the rows' classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from console.api.parameters import Parameter
from console.identity import Role

PREFIX = "/api/v1"
_SCHEMAS = "#/components/schemas/"
_ERROR = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string", "description": "One sentence or more for a person."},
    },
    "required": ["status", "title", "detail"],
    "additionalProperties": False,
}
_ERRORS = {
    400: "A parameter is missing, unknown, or out of its bounds.",
    401: "There is no session: sign in at the console first.",
    403: "The user has not the role for this, or the request does not come from the console's own origin.",
    404: "There is nothing of this name.",
    409: "It is refused. The detail says why.",
    503: "The ledger does not answer at the moment.",
}


@dataclass(frozen=True)
class Endpoint:
    """One address of the API. `read` gets what the answer is made from, and the parameters by name; it
    returns an `answer`, or None if there is nothing of that name."""

    path: str  # after PREFIX
    about: str
    answer: Any  # a dataclass, or another type that pydantic knows
    read: Callable[..., object]
    parameters: tuple[Parameter, ...] = ()
    may_be_missing: bool = False
    role: Role | None = None  # only of an address that does something: the role that this needs

    @property
    def method(self) -> str:
        return "POST" if self.role else "GET"


def document(endpoints: Sequence[Endpoint], version: str, cookie: str) -> dict[str, Any]:
    """`cookie`: the name of the cookie that holds the session."""
    schemas: dict[str, Any] = {"Error": _ERROR}
    paths = {
        PREFIX + endpoint.path: {endpoint.method.lower(): _operation(endpoint, schemas)}
        for endpoint in endpoints
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "huntbridge",
            "version": version,
            "description": (
                "What the console shows, as JSON. Only POST changes something; such a request needs the "
                "header `Origin` with the console's own address. Every list is in pages: pass `next` of one "
                "answer as `page` of the following request, until it is empty. Times are in "
                "UTC."
            ),
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie,
                    "description": "A session in the console. Its name depends on the port and on TLS.",
                }
            },
        },
        "security": [{"session": []}],
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    has_pages = any(parameter.name == "page" for parameter in endpoint.parameters)
    statuses = [
        *(400, 401),
        *([403] if endpoint.role else []),
        *([404] if endpoint.may_be_missing or has_pages else []),
        *([409] if endpoint.role else []),
        503,
    ]
    answers = {"200": _answer("The answer.", "application/json", _schema(endpoint.answer, schemas))}
    for status in statuses:
        error = _answer(_ERRORS[status], "application/problem+json", {"$ref": f"{_SCHEMAS}Error"})
        answers[str(status)] = error
    return {
        "operationId": re.sub(r"\W+", "_", endpoint.path).strip("_"),
        "summary": endpoint.about,
        "parameters": [parameter.described() for parameter in endpoint.parameters],
        "responses": answers,
    }


def _answer(about: str, media: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {media: {"schema": schema}}}


def _schema(answer: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type. The schemas of its parts go to `schemas`."""
    made = TypeAdapter(answer).json_schema(
        mode="serialization", by_alias=False, ref_template=_SCHEMAS + "{model}"
    )
    schemas.update(made.pop("$defs", {}))
    return made
