"""Composes a message as the request that creates an issue.

If a configured value does not fit its field, it is left out, and a sentence says so. If the project does not
describe a field, its value is sent unchanged, and Jira accepts or refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.field_values import Fields, label, shaped
from receiver.destinations.jira.issues import EVENT, case_label
from receiver.messages.message import Message
from shared.config.destinations.jira import JiraConfig
from shared.text import one_line

MAX_SUMMARY = 255  # characters, on one line


def issue_body(
    message: Message, config: JiraConfig, *, cloud: bool, known: Fields | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The body of the request, and a sentence for each configured value that does not fit its field. `known`:
    the project's description of the configured fields."""
    fields: dict[str, Any] = {
        "project": {"key": config.project},
        "issuetype": {"name": config.issue_type},
        "summary": one_line(message.title, MAX_SUMMARY),
        "description": adf.document(message) if cloud else wiki.text(message),
    }
    labels = list(map(label, (*config.labels, *message.labels)))
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
    message: Message, config: JiraConfig, cloud: bool, known: Fields
) -> tuple[dict[str, Any], list[str]]:
    if not config.fields:
        return {}, []
    from shared.config.templates import template  # Jinja takes 0.1 s, and few configurations need it

    def render(text: str) -> str:
        return template(text).render(message.values())

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
        return [value for entry in written if (value := _rendered(entry, render)) not in ("", None)]
    if isinstance(written, dict):
        return {key: _rendered(entry, render) for key, entry in written.items()}
    return written
