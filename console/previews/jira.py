"""Draws an issue as Jira shows it: its fields, its description, and its comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from console.previews import atlassian_document, wiki_text
from console.previews.byline import Byline
from console.previews.elements import Pen, el, listed, mapping, objects, text

_PRIORITIES = {"highest": "⇈", "high": "↑", "medium": "=", "low": "↓", "lowest": "⇊"}
MAX_WIKI = 40_000  # characters; Jira takes 32,767
# Fields that are drawn in a place of their own.
_PLACED = frozenset(
    {"project", "issuetype", "summary", "description", "labels", "priority", "components", "security"}
    | {"assignee", "status", "resolution"}
)


@dataclass(frozen=True)
class Comment:
    body: Any
    byline: Byline


@dataclass(frozen=True)
class Issue:
    """What Jira knows beside the fields that were sent."""

    key: str = ""  # empty: not created yet
    status: str = ""
    comments: tuple[Comment, ...] = ()
    attachments: tuple[str, ...] = ()


def message(body: Any, byline: Byline, pen: Pen, issue: Issue | None = None) -> Markup:
    """An issue, from the body of the request that creates it."""
    issue, fields = issue or Issue(), mapping(mapping(body).get("fields"))
    project = text(mapping(fields.get("project")).get("key"))
    kind = _name(fields.get("issuetype"))
    place = " / ".join(filter(None, (project, issue.key or "new issue", kind)))
    return el(
        "article",
        "view v-jira",
        el("p", "by small", el("span", "", place), byline.time()),
        el("h3", "", text(fields.get("summary"))),
        el("dl", "details", *_details(fields, issue)),
        rich_text(fields["description"], pen) if fields.get("description") else None,
        _attachments(issue.attachments),
        _comments(issue.comments, pen),
    )


def comment(body: Any, byline: Byline, pen: Pen) -> Markup:
    return el("div", "comment", byline.drawn("huntbridge"), rich_text(body, pen))


def rich_text(body: Any, pen: Pen) -> Markup:
    """A description or a comment: wiki text on Data Center, a document on Cloud."""
    return (
        wiki_text.document(text(body), pen)
        if isinstance(body, str)
        else atlassian_document.document(body, pen)
    )


def _details(fields: Mapping[str, Any], issue: Issue) -> Iterator[Markup]:
    yield from _detail("Status", issue.status and el("span", "lozenge", issue.status))
    priority = _name(fields.get("priority"))
    sign = _PRIORITIES.get(priority.lower(), "")
    yield from _detail("Priority", f"{sign} {priority}".strip())
    yield from _detail("Assignee", _name(fields.get("assignee")))
    yield from _detail("Labels", _labels(map(text, listed(fields.get("labels")))))
    yield from _detail("Components", ", ".join(map(_name, objects(fields.get("components")))))
    yield from _detail("Security", _name(fields.get("security")))
    for name, value in fields.items():
        if name not in _PLACED:
            yield from _detail(text(name), _value(value))


def _detail(name: str, value: str | Markup) -> Iterator[Markup]:
    if value:
        yield el("div", "", el("dt", "", name), el("dd", "", value))


def _labels(labels: Iterable[str]) -> Markup | str:
    shown = [el("span", "label", label) for label in labels if label]
    return Markup(" ").join(shown) if shown else ""


def _name(value: Any) -> str:
    """The name by which Jira knows the value of a field."""
    value = mapping(value)
    return next(
        (text(value[key]) for key in ("name", "value", "key", "id", "accountId") if value.get(key)), ""
    )


def _value(value: Any) -> str:
    """The value of a configured field, in words."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_value, value)))
    if isinstance(value, dict):
        return _name(value) or " ".join(_words(value))
    return text(value)


def _words(node: Mapping[str, Any]) -> Iterator[str]:
    """The text of a document."""
    if said := text(node.get("text")):
        yield said
    for child in objects(node.get("content")):
        yield from _words(child)


def _attachments(names: tuple[str, ...]) -> Markup | None:
    return el("p", "small", f"Attached: {', '.join(names)}") if names else None


def _comments(comments: tuple[Comment, ...], pen: Pen) -> Markup | None:
    if not comments:
        return None
    count = f"{len(comments)} comment{'s' if len(comments) > 1 else ''}"
    return el(
        "div", "comments", el("h4", "", count), *(comment(one.body, one.byline, pen) for one in comments)
    )
