"""Adds optional parts to an issue: links, and the alarms as a file.

Each function returns an empty text if its step worked, and otherwise why not. No function raises: a failure
here neither delays nor loses a delivery.
"""

from __future__ import annotations

import hashlib

from receiver.destinations.jira import adf, alarms_csv, wiki
from receiver.destinations.jira.client import JiraApi
from receiver.destinations.wording import safe_links
from receiver.messages.counts import worst_first
from receiver.messages.message import Message


def link_platform(api: JiraApi, message: Message, key: str) -> str:
    """Link the platform's page. Repeating it changes nothing."""
    page = next((link for link in safe_links(message) if link.name == "platform"), None)
    if page is None:
        return ""
    body = {
        "globalId": f"huntbridge={hashlib.sha256(page.url.encode()).hexdigest()[:32]}",
        "application": {"type": "huntbridge", "name": "huntbridge"},
        "relationship": "found by",
        "object": {"url": page.url, "title": page.text},
    }
    return api.try_post("the platform is not linked", f"issue/{key}/remotelink", body)


def link_earlier_issue(api: JiraApi, key: str, earlier: str) -> str:
    body = {
        "type": {"name": "Relates"},  # every Jira has it, unless an administrator has removed it
        "inwardIssue": {"key": key},
        "outwardIssue": {"key": earlier},
    }
    return api.try_post(f"it is not linked to {earlier}", "issueLink", body)


def attach_alarms(
    api: JiraApi, message: Message, key: str, *, titled: bool = False, attached: tuple[str, ...] = ()
) -> str:
    """Attach the alarms as a file, if the text has no room for all of them. `titled`: the text is a comment.
    `attached`: names of the files that the issue has."""
    findings, name = message.alarm.findings if message.alarm else (), alarms_csv.name_of(message.id)
    if not findings or name in attached:
        return ""
    shown = (adf.fitted if api.cloud() else wiki.fitted)(message, titled=titled).findings
    if len(findings) <= len(shown):
        return ""
    return api.attach(key, name, alarms_csv.content(worst_first(findings)))
