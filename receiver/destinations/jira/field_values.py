"""Converts a configured value to the form that the type of its field needs.

The fields are described by createmeta, which Jira publishes for each project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from receiver.destinations.jira import adf
from receiver.destinations.jira.escape import escape_wiki
from shared.text import clean, defang, one_line

MAX_LABEL = 255  # characters, no white space
MAX_LINE = 255  # characters of a custom field with one line
Fields = Mapping[str, Mapping[str, Any]]  # createmeta's description of each field, by the field's id


class _Unfit(ValueError):
    """The value does not fit its field. The text says what is wrong."""


def shaped(value: Any, field: Mapping[str, Any] | None, *, cloud: bool) -> Any:
    """The value in the form that its field wants, as createmeta describes the field. A mapping is sent as it
    is written, and so is a value of an unknown field. Raises ValueError if the value does not have that
    form."""
    schema = (field or {}).get("schema")
    if not isinstance(schema, Mapping) or isinstance(value, Mapping) or value in ("", []):
        return value
    allowed = allowed_names(field or {})
    if schema.get("type") == "array":
        items = str(schema.get("items") or "string")
        listed = value if isinstance(value, list) else re.split(r"\s*,\s*", str(value).strip())
        if items == "string":
            return list(dict.fromkeys(filter(None, (label(str(entry)) for entry in listed))))
        return [_single(items, entry, schema, allowed, cloud) for entry in listed if entry not in ("", None)]
    if isinstance(value, list):
        raise _Unfit("it is a list, and the field takes one value")
    return _single(str(schema.get("type")), value, schema, allowed, cloud)


def _single(type: str, value: Any, schema: Mapping[str, Any], allowed: Iterable[str], cloud: bool) -> Any:
    if isinstance(value, Mapping):
        return value
    text = one_line(str(value).lower() if isinstance(value, bool) else str(value), MAX_LINE)
    match type:
        case "string":
            return _text(str(value), schema, cloud)
        case "number":
            return _number(text)
        case "option":
            return {"value": _as_allowed(text, allowed)}
        case "option-with-child":
            parent, _, child = (part.strip() for part in text.partition(">"))
            chosen = {"value": _as_allowed(parent, allowed)}
            return chosen | ({"child": {"value": child}} if child else {})
        case "user":
            return {"accountId" if cloud else "name": text}
        case "date":
            return _date(text)
        case "datetime":
            return _datetime(text)
        case "component" | "version" | "priority" | "group" | "resolution" | "securitylevel":
            return {"name": _as_allowed(text, allowed)}
        case "project" | "issuelink":
            return {"key": text}
        case _:
            return value if isinstance(value, int | float) else text


def allowed_names(field: Mapping[str, Any]) -> list[str]:
    """The values that a field allows, by the names that people see; empty if createmeta lists none."""
    allowed = field.get("allowedValues")
    listed = (
        value.get("value") or value.get("name")
        for value in (allowed if isinstance(allowed, list) else ())
        if isinstance(value, Mapping)
    )
    return [str(name) for name in listed if name]


def _as_allowed(text: str, allowed: Iterable[str]) -> str:
    """The text as Jira writes it: a tag may be `prod` while the option is `Prod`."""
    return next((name for name in allowed if name.casefold() == text.casefold()), text)


def _text(text: str, schema: Mapping[str, Any], cloud: bool) -> Any:
    kind = str(schema.get("custom", "")).rpartition(":")[2]
    if kind != "textarea" and schema.get("system") != "environment":
        # Two harmless values next to each other may form a URL, and Jira turns every URL into a link.
        line = one_line(text, MAX_LINE)
        return one_line(defang(line), MAX_LINE) if "://" in line and kind != "url" else line
    text = clean(text, 4_000).strip()
    return adf.plain(text) if cloud else escape_wiki(text)


def _number(text: str) -> int | float:
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        raise _Unfit(f"“{one_line(text, 40)}” is not a number") from None
    if not abs(number) < 1e15:  # JSON has no nan and inf
        raise _Unfit(f"“{one_line(text, 40)}” is not a number that Jira takes")
    return int(number) if number.is_integer() else number


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise _Unfit(f"“{one_line(text, 40)}” is not a date such as 2026-11-24") from None


def _datetime(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Unfit(f"“{one_line(text, 40)}” is not a time such as 2026-11-24T12:00:00Z") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def label(text: str) -> str:
    """A label of Jira, which has no white space."""
    return "-".join(text.split())[:MAX_LABEL]
