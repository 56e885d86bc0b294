"""Every golden payload of the destinations, as a destination sends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[2] / "receiver" / "destinations"
TYPES = ("slack", "teams", "jira", "webhook", "pagerduty", "jsm")


def golden() -> dict[str, tuple[str, Any]]:
    """The type of the destination and the payload, by the name of the file."""
    found = {}
    for type in TYPES:
        for path in sorted((GOLDEN / type / "golden").iterdir()):
            found[f"{type}/{path.name}"] = type, _payload(path)
    return found


def _payload(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    fields, _, description = text.partition("\n\n")  # Data Center: the fields, and the wiki text
    return {"fields": json.loads(fields) | {"description": description}}


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object inside the payload."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from walk(child)
