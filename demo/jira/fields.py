"""The fields of the simulated Jira, and checks of their values.

A check returns Jira's own sentence about the mistake, or an empty string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from demo.jira.adf import adf_error

MAX_SUMMARY = 255
MAX_TEXT = 32_767  # characters; a document is measured in its serialised form, which is the stricter reading
MAX_LINE = 255  # characters of a custom field with one line
MAX_LABEL = 255

NOT_ADF = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
_CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
# The system fields with their name, type and type of items in createmeta.
SYSTEM = {
    "project": ("Project", "project", ""),
    "issuetype": ("Issue Type", "issuetype", ""),
    "summary": ("Summary", "string", ""),
    "description": ("Description", "string", ""),
    "priority": ("Priority", "priority", ""),
    "labels": ("Labels", "array", "string"),
    "components": ("Components", "array", "component"),
    "assignee": ("Assignee", "user", ""),
    "security": ("Security Level", "securitylevel", ""),
}
ALWAYS = ("project", "issuetype", "summary")


@dataclass(frozen=True)
class Field:
    """A custom field.

    `type` and `items` as in createmeta; `custom` is the kind of field, such as `textarea`. `allowed`: the
    options; an option of a cascading field is written `parent>child`.
    """

    id: str
    name: str
    type: str = "string"  # string, number, option, option-with-child, array, user, date, datetime
    items: str = ""
    custom: str = "textfield"
    required: bool = False
    default: bool = False
    allowed: tuple[str, ...] = ()

    def meta(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": self.type, "custom": f"{_CUSTOM}{self.custom}"}
        schema["customId"] = int(self.id.removeprefix("customfield_"))
        if self.items:
            schema["items"] = self.items
        return {
            "fieldId": self.id,
            "key": self.id,
            "name": self.name,
            "operations": ["set"],
            "required": self.required,
            "hasDefaultValue": self.default,
            "schema": schema,
        } | ({"allowedValues": self._options()} if self.allowed else {})

    def _options(self) -> list[dict[str, Any]]:
        options: dict[str, list[str]] = {}
        for option in self.allowed:
            parent, _, child = option.partition(">")
            options.setdefault(parent, []).extend([child] if child else [])
        return [
            {"id": str(100 + number), "value": parent}
            | ({"children": [{"value": child} for child in children]} if children else {})
            for number, (parent, children) in enumerate(options.items())
        ]

    def error(self, value: Any, *, datacenter: bool, users: Collection[str]) -> str:
        if self.type == "array":
            if not isinstance(value, list):
                return "data was not an array"
            return next(
                (why for item in value if (why := self._value_error(self.items, item, datacenter, users))),
                "",
            )
        return self._value_error(self.type, value, datacenter, users)

    def _value_error(self, type: str, value: Any, datacenter: bool, users: Collection[str]) -> str:
        if type == "string":
            return self._text_error(value, datacenter)
        if type == "number":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return "" if number else "Operation value must be a number"
        if type in ("option", "option-with-child"):
            return self._option_error(type, value)
        if type == "user":
            return user_error(value, datacenter=datacenter, users=users)
        if type == "date":
            return "" if _is_date(value) else f"Error parsing date string: {value}"
        if type == "datetime":
            known = isinstance(value, str) and re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}", value
            )
            return "" if known else f"Error parsing time: {value}"
        return f"{self.name} cannot be set here"

    def _text_error(self, value: Any, datacenter: bool) -> str:
        if self.custom == "textarea":
            return text_error(value, datacenter=datacenter)
        if not isinstance(value, str):
            return "Operation value must be a string"
        if self.custom == "labels":
            return labels_error([value])
        if len(value) > MAX_LINE:
            return "The entered text is too long. It exceeds the allowed limit of 255 characters."
        return ""

    def _option_error(self, type: str, value: Any) -> str:
        if not isinstance(value, dict):
            return f"Specify a valid 'id' or 'name' for {self.name}"
        chosen = value.get("value")
        if type == "option-with-child" and isinstance(value.get("child"), dict):
            chosen = f"{chosen}>{value['child'].get('value')}"
        known = {*self.allowed, *(option.partition(">")[0] for option in self.allowed)}
        return "" if chosen in known else f"Option value '{chosen}' is not valid"


def system_meta(name: str, *, required: bool, allowed: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    title, type, items = SYSTEM[name]
    schema = {"type": type, "system": name} | ({"items": items} if items else {})
    return {
        "fieldId": name,
        "key": name,
        "name": title,
        "operations": ["set"],
        "required": required,
        "hasDefaultValue": False,
        "schema": schema,
    } | ({"allowedValues": allowed} if allowed is not None else {})


def user_error(value: Any, *, datacenter: bool, users: Collection[str]) -> str:
    if not isinstance(value, dict):
        return "data was not an object"
    if datacenter:
        name = value.get("name")
        return "" if name in users else f"User '{name}' cannot be assigned issues."
    if "name" in value or "key" in value:
        return "'accountId' must be the only user identifying query parameter in GDPR strict mode."
    account = value.get("accountId") or value.get("id")
    return "" if account in users else f"User '{account}' cannot be assigned issues."


def text_error(text: Any, *, datacenter: bool) -> str:
    """Validates a description or a comment. Returns the mistake, or an empty text. Cloud requires a document,
    Data Center a string."""
    if datacenter:
        if not isinstance(text, str):
            return "Operation value must be a string"
        return TOO_LONG if len(text) > MAX_TEXT else ""
    if not isinstance(text, dict):
        return NOT_ADF
    if len(json.dumps(text, ensure_ascii=False)) > MAX_TEXT:
        return TOO_LONG
    return f"INVALID_INPUT: {why}" if (why := adf_error(text)) else ""


def summary_error(summary: Any) -> str:
    if not isinstance(summary, str) or not summary.strip():
        return "You must specify a summary of the issue."
    if len(summary) > MAX_SUMMARY:
        return "Summary must be less than 255 characters."
    if "\n" in summary or "\r" in summary:
        return "The summary is invalid because it contains newline characters."
    return ""


def labels_error(labels: Any) -> str:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return "data was not an array"
    for label in labels:
        if re.search(r"\s", label):
            return f"The label '{label}' contains spaces which is invalid."
        if not 1 <= len(label) <= MAX_LABEL:
            return f"The label '{label}' exceeds the maximum length for a single label of 255 characters."
    return ""


def names(fields: Mapping[str, Any], name: str, known: Collection[str], by: str = "name") -> bool:
    """Whether this field is an object that Jira knows by its `name` (or by its `key` or `id`: see `by`)."""
    value = fields.get(name)
    return isinstance(value, dict) and isinstance(value.get(by), str) and value[by] in known


def _is_date(value: Any) -> bool:
    if not (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
