"""Checks that an issue and a comment are valid, within every limit, and harmless."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from adf_bridge import validate_adf

from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira import plain_text as jira_plain
from receiver.destinations.jira.issue_body import issue_body
from receiver.messages.message import Message
from shared.config.destinations.jira import JiraConfig
from shared.models.alarms import Alarm
from tests.receiver.destinations.message_checks import (
    LINK_HOSTS,
    LIVE,
    told,
    walk,
)


def check_jira_plain(alarm: Alarm) -> None:
    document, text = (jira_plain.plain_text(told(alarm), cloud=cloud) for cloud in (True, False))
    assert len(json.dumps(document, ensure_ascii=False)) < 12_000
    assert len(text) < 6_000
    if id := told(alarm).id:
        assert adf.tells_of(document, id)
        assert wiki.tells_of(text, id)
    assert not LIVE.search(text), text
    assert not set("[]{}!@^~") & set(re.sub(r"\\.", " ", OWN_WIKI.sub("", text))), text


def check_cloud(alarm: Alarm) -> None:
    check_issue(alarm, cloud=True)
    for titled in (False, True):
        document = adf.document(told(alarm), titled=titled)
        validate_adf(document)  # against Atlassian's own schema
        assert len(json.dumps(document, ensure_ascii=False)) <= 30_000
        assert {node["type"] for node in walk(document) if "type" in node} <= ADF_TYPES
        assert not any(LIVE.search(node["text"]) for node in walk(document) if "text" in node)
        links = [node["attrs"]["href"] for node in walk(document) if node.get("type") == "link"]
        assert {urlsplit(link)[:2] for link in links} <= {("https", host) for host in LINK_HOSTS}


# No node mentions anybody, shows an image, or runs a macro.
ADF_TYPES = {
    *("doc", "panel", "heading", "paragraph", "text", "hardBreak", "codeBlock", "bulletList", "listItem"),
    *("table", "tableRow", "tableHeader", "tableCell", "strong", "em", "code", "link", "textColor", "expand"),
}
JIRA = JiraConfig(
    type="jira", url="https://a.atlassian.net", project="SEC", email="a@b.example", api_token="env:T"
)


def jira_issue(message: Message, *, cloud: bool) -> dict[str, Any]:
    body, unfit = issue_body(message, JIRA, cloud=cloud)
    assert unfit == []
    return body


def check_issue(alarm: Alarm, *, cloud: bool) -> None:
    """The fields beside the description."""
    fields = jira_issue(told(alarm), cloud=cloud)["fields"]
    assert 0 < len(fields["summary"]) <= 255
    assert "\n" not in fields["summary"]
    assert not LIVE.search(fields["summary"])
    assert all(label and " " not in label and len(label) <= 255 for label in fields["labels"])


NOFORMAT = re.compile(r"\{noformat\}\n((?:(?!\{noformat\}).|\n)*)\n\{noformat\}", re.IGNORECASE)
OWN_WIKI = re.compile(
    r"\[(?:Open in the platform|Open in the EC2 console|Open in the Azure portal"
    r"|T[A0-9][0-9.]+[A-Za-z0-9 ./&-]*)"
    r"\|https://(?:cado\.example|attack\.mitre\.org|us-east-1\.console\.aws\.amazon\.com|portal\.azure\.com)"
    r"[^\s|\]{}]*\]"
    r"|\{panel(?::bgColor=#[0-9A-F]{6})?\}|\{\{|\}\}",
    re.ASCII,
)


def check_datacenter(alarm: Alarm) -> None:
    check_issue(alarm, cloud=False)
    for titled in (False, True):
        text = wiki.text(told(alarm), titled=titled)
        assert len(text) <= 30_000
        rest = NOFORMAT.sub("", text)
        rest = OWN_WIKI.sub("", re.sub(r"\\.", " ", rest))
        assert not set("[]{}!@^~") & set(rest), text
        for shown in (rest, *NOFORMAT.findall(text)):
            assert not LIVE.search(shown), shown
        assert not re.search(r"mailto:\S+@", rest)


def golden(message: Message) -> dict[str, Any]:
    """The bodies, by the ending of their golden file."""
    fields = jira_issue(message, cloud=False)["fields"]
    description = fields.pop("description")
    beside = json.dumps(fields, indent=1, ensure_ascii=False)
    return {"cloud.json": jira_issue(message, cloud=True), "datacenter.txt": f"{beside}\n\n{description}"}
