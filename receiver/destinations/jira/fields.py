"""A message → the fields of a new issue; a configured value → the shape that the type of its field wants.

What a project takes is told by its createmeta: `known` is that, by the id of each field. A value that cannot
have the shape of its field is left out and named; a field that is not known is sent as it is written, and
Jira says what it thinks of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.issues import EVENT, case_label
from receiver.messages.message import Message
from shared.config.destinations.jira import JiraConfig
from shared.text import clean, defang, escape_wiki, one_line

MAX_SUMMARY = 255  # characters, on one line
MAX_LABEL = 255  # characters, no white space
MAX_LINE = 255  # characters of a custom field with one line
Known = Mapping[str, Mapping[str, Any]]


class _Unfit(ValueError):
    """A value has not the shape that its field wants; the text says what is wrong."""


def issue(
    message: Message, config: JiraConfig, *, cloud: bool, known: Known | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The body that makes an issue, and in words which configured values do not fit their fields."""
    fields: dict[str, Any] = {
        "project": {"key": config.project},
        "issuetype": {"name": config.issue_type},
        "summary": one_line(message.title, MAX_SUMMARY),
        "description": adf.document(message) if cloud else wiki.text(message),
    }
    labels = list(map(_label, (*config.labels, *message.labels)))
    if message.case_key:
        labels.append(case_label(message.case_key))
    if labels := list(dict.fromkeys(filter(None, labels))):
        fields["labels"] = labels
    if priority := config.priorities.get(message.severity.value):
        fields["priority"] = {"name": priority}
    if config.components:
        fields["components"] = [{"name": name} for name in config.components]
    if config.security:
        fields["security"] = {"name": config.security}
    if message.owner and message.owner.jira:
        fields["assignee"] = {"id" if cloud else "name": message.owner.jira}
    more, unfit = _configured(message, config, cloud, known or {})
    body = {"fields": fields | more, "properties": [{"key": EVENT, "value": {"id": message.id}}]}
    return body, unfit


def _configured(
    message: Message, config: JiraConfig, cloud: bool, known: Known
) -> tuple[dict[str, Any], list[str]]:
    if not config.fields:
        return {}, []
    from shared.config.templates import template  # Jinja takes 0.1 s, and few configurations need it

    def render(text: str) -> str:
        return template(text).render(message.values)

    fields, unfit = {}, []
    for id, written in config.fields.items():
        try:
            value = shaped(_rendered(written, render), known.get(id), cloud=cloud)
        except ValueError as error:
            unfit.append(f"{id} is left out: {error}")
            continue
        if value not in ("", None, [], {}):
            fields[id] = value
    return fields, unfit


def _rendered(written: Any, render: Callable[[str], str]) -> Any:
    if isinstance(written, str):
        return render(written)
    if isinstance(written, list):
        return [value for one in written if (value := _rendered(one, render)) not in ("", None)]
    if isinstance(written, dict):
        return {key: _rendered(one, render) for key, one in written.items()}
    return written


def shaped(value: Any, field: Mapping[str, Any] | None, *, cloud: bool) -> Any:
    """A value as its field wants it, which createmeta describes. A section is sent as it is written. Raises
    ValueError where the value has not that shape."""
    schema = (field or {}).get("schema")
    if not isinstance(schema, Mapping) or isinstance(value, Mapping) or value in ("", []):
        return value
    allowed = names(field or {})
    if schema.get("type") == "array":
        items = str(schema.get("items") or "string")
        listed = value if isinstance(value, list) else re.split(r"\s*,\s*", str(value).strip())
        if items == "string":
            return list(dict.fromkeys(filter(None, (_label(str(one)) for one in listed))))
        return [_one(items, one, schema, allowed, cloud) for one in listed if one not in ("", None)]
    if isinstance(value, list):
        raise _Unfit("it is a list, and the field takes one value")
    return _one(str(schema.get("type")), value, schema, allowed, cloud)


def _one(type: str, value: Any, schema: Mapping[str, Any], allowed: Iterable[str], cloud: bool) -> Any:
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


def names(field: Mapping[str, Any]) -> list[str]:
    """What a field allows, by the names that people see; empty where it does not say."""
    allowed = field.get("allowedValues")
    found = (
        one.get("value") or one.get("name")
        for one in (allowed if isinstance(allowed, list) else ())
        if isinstance(one, Mapping)
    )
    return [str(name) for name in found if name]


def _as_allowed(text: str, allowed: Iterable[str]) -> str:
    """As Jira writes it: a tag may say `prod` where the option is `Prod`."""
    return next((one for one in allowed if one.casefold() == text.casefold()), text)


def _text(text: str, schema: Mapping[str, Any], cloud: bool) -> Any:
    kind = str(schema.get("custom", "")).rpartition(":")[2]
    if kind != "textarea" and schema.get("system") != "environment":
        # Two harmless values side by side may be a link, and Jira makes one of every URL.
        line = one_line(text, MAX_LINE)
        return one_line(defang(line), MAX_LINE) if "://" in line and kind != "url" else line
    text = clean(text, 4_000).strip()
    return adf.plain(text) if cloud else escape_wiki(text)


def _number(text: str) -> int | float:
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        raise _Unfit(f"“{one_line(text, 40)}” is not a number") from None
    if not abs(number) < 1e15:  # nan and inf are no JSON
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


def _label(text: str) -> str:
    return "-".join(text.split())[:MAX_LABEL]
