"""The addresses of the JSON API, made from the OpenAPI document that the console serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from console.api.actions import ACTIONS
from console.api.endpoints import ENDPOINTS
from console.api.openapi import document
from tests.docs.markdown import code, prose, table


def generated() -> str:
    described = document((*ENDPOINTS, *ACTIONS), "", "huntbridge")
    parts: list[str] = []
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts += _operation(f"{method.upper()} {path}", operation, described["components"]["schemas"])
    return "\n".join(parts)


def _operation(address: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"### {address}\n"
    yield prose(operation["summary"]) + "\n"
    if parameters := operation["parameters"]:
        yield table(("parameter", "type", "default", "meaning"), map(_parameter, parameters)) + "\n"
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    yield f"Answer: {_answer(schema, schemas)}.\n"


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str, str]:
    schema = parameter["schema"]
    form = ", ".join(map(code, map(str, schema["enum"]))) if "enum" in schema else schema["type"]
    default = "required" if parameter["required"] else code(str(schema.get("default", "")))
    return code(parameter["name"]), form, default, prose(parameter["description"])


def _answer(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """The names of its fields. Rows are named by the fields of one of them."""
    if "$ref" in schema:
        return _answer(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("type") == "array":
        return f"a list, each entry with {_answer(schema['items'], schemas)}"
    fields = schema["properties"]
    if set(fields) == {"rows", "next"}:
        return f"`next`, and `rows`, each with {_answer(fields['rows']['items'], schemas)}"
    return ", ".join(map(code, fields))
