"""Entity properties of an issue: checks what a request wants to store."""

from __future__ import annotations

import json
from typing import Any

from demo.base import Refusal
from demo.jira.site import error_body

MAX_PROPERTY = 32_768  # characters


def read_properties(given: Any) -> dict[str, Any]:
    """The properties by key. Raises Refusal (400) for a property that Jira does not store."""
    properties: dict[str, Any] = {}
    for item in given if isinstance(given, list) else [given]:
        if not isinstance(item, dict) or not isinstance(item.get("key"), str) or "value" not in item:
            raise Refusal(400, error_body("An entity property needs a key and a value."))
        if not 1 <= len(item["key"]) <= 255:
            raise Refusal(400, error_body("The length of the property's key must be 1 to 255 characters."))
        if len(json.dumps(item["value"])) > MAX_PROPERTY:
            raise Refusal(400, error_body(f"The property's value is longer than {MAX_PROPERTY} characters."))
        properties[item["key"]] = item["value"]
    return properties
