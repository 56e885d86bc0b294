"""The pages behind the links of the demo's messages: the platform's projects and Jira's issues, read-only.

The pages show hostile text. Jinja escapes it, and the content security policy allows no script.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, render_template_string

from demo.jira.simulation import Jira
from demo.platform.records import MALICIOUS, SUSPICIOUS
from demo.platform.simulation import Platform

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
    ":root{color-scheme:light dark}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #8886;vertical-align:top}"
    "td,p{overflow-wrap:break-word}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ style|safe }}</style></head>
<body>
<p>Simulated {{ site }}</p>
<h1>{{ title }}</h1>
{% for text in texts %}<p>{{ text }}</p>
{% endfor %}
{% for table in tables %}
<h2>{{ table.name }}</h2>
{% if table.rows %}<table>
<thead><tr>{% for cell in table.head %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}<tr>{% for cell in row %}
<td>{% if table.links and loop.first %}<a href="{{ table.links }}{{ cell }}">{{ cell }}</a>
{%- else %}{{ cell }}{% endif %}</td>
{% endfor %}</tr>{% endfor %}</tbody>
</table>{% else %}<p>None yet.</p>{% endif %}
{% endfor %}
</body></html>
"""
_SEVERITIES = {MALICIOUS: "malicious", SUSPICIOUS: "suspicious"}


@dataclass(frozen=True)
class _Table:
    """`links`: the path before the first cell of each row, if that cell is a link."""

    name: str
    head: tuple[str, ...]
    rows: list[tuple[object, ...]]
    links: str = ""


def platform_pages(platform: Platform) -> Blueprint:
    """`/` lists the projects, `/projects/<id>` shows one with its evidence and alarms."""
    pages = Blueprint("pages", __name__)
    world = platform.world

    @pages.get("/")
    def projects() -> Response:
        with world.lock:
            rows = [(project.id, project.name) for project in world.projects.values()]
        table = _Table("Projects", ("Project", "Name"), [*rows], "/projects/")
        return _page("platform", "Projects", [], [table])

    @pages.get("/projects/<int:id>")
    def project(id: int) -> Response:
        with world.lock:
            shown = world.projects.get(id) or abort(404)
            evidence = [
                (e.id, e.instance.name, e.name, e.malicious, e.suspicious) for e in world.evidence_of(id)
            ]
            kinds = Counter((alarm.evidence_id, alarm.kind) for alarm in world.alarms_of(id))
        alarms = [
            (number, _SEVERITIES.get(kind.severity, "other"), count, kind.description, kind.path)
            for (number, kind), count in kinds.items()
        ]
        return _page(
            "platform",
            shown.name,
            [f"Project {id}. {shown.description}"],
            [
                _Table("Evidence", ("Evidence", "Machine", "Volume", "Malicious", "Suspicious"), [*evidence]),
                _Table("Alarms", ("Evidence", "Severity", "Count", "Alarm", "Path"), [*alarms]),
            ],
        )

    return pages


def jira_pages(jira: Jira) -> Blueprint:
    """`/browse/<key>` shows one issue."""
    pages = Blueprint("jira_pages", __name__)

    @pages.get("/browse/<key>")
    def issue(key: str) -> Response:
        shown = next((issue for issue in jira.shown() if issue["key"] == key), None) or abort(404)
        fields = shown["fields"]
        comments = ["".join(_texts(comment.get("body"))) for comment in shown["comments"]]
        return _page(
            "Jira",
            f"{key}: {fields.get('summary', '')}",
            [f"Status: {jira.issues[key].status}", *_paragraphs(fields.get("description"))],
            [_Table("Comments", ("Comment",), [(text,) for text in comments])],
        )

    return pages


def _paragraphs(document: Any) -> list[str]:
    blocks = document.get("content", []) if isinstance(document, dict) else [document]
    return [text for block in blocks if (text := "".join(_texts(block)).strip())]


def _texts(node: Any) -> Iterator[str]:
    """The text of an Atlassian Document, or of a plain string."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        yield str(node.get("text", ""))
        for child in node.get("content", []):
            yield from _texts(child)
        if node.get("type") in ("paragraph", "listItem", "tableCell", "tableHeader", "hardBreak"):
            yield " "


def _page(site: str, title: str, texts: Iterable[str], tables: Iterable[_Table]) -> Response:
    html = render_template_string(
        _PAGE, site=site, title=title, texts=texts, tables=tables, style=_STYLE
    )  # a template from a string is escaped as an HTML file is
    return Response(html, headers=_HEADERS, mimetype="text/html")
