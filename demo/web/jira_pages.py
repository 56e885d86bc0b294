"""The simulated Jira: the issues of its project, newest first, one issue, and one comment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from markupsafe import Markup

from console.previews import jira as drawing
from console.previews.byline import Byline
from console.previews.elements import Pen, el, joined
from demo.jira.records import Issue
from demo.jira.simulation import Jira
from demo.web.shell import Home, live, opens, part, shell
from shared.phrases import counted

ROWS = 20
CLOSED = (
    "{} is closed as {}. huntbridge asks Jira once a minute, and closes the case when it sees that twice."
)
OPENED = "{} is open again. Its case stays as it is: reopen that in huntbridge."


@dataclass(frozen=True)
class Row:
    key: str
    summary: str
    status: str
    priority: str
    comments: int
    at: datetime


def jira_pages(jira: Jira, home: Home) -> Blueprint:
    """`/jira` lists the issues, `/jira/<key>` is one issue, `/jira/<key>/comments/<id>` one comment. On the
    page of an issue a person closes it, or opens it again."""
    pages = shell("jira_pages", home)

    @pages.get("/jira")
    def issues() -> Response:
        with jira.lock:
            rows = [_row(issue) for issue in jira.issues.values()][::-1]
        return live("issues.html", tool="Jira", part=part(rows, ROWS))

    @pages.get("/jira/<key>")
    def issue(key: str) -> Response:
        return issue_page(jira, key)

    @pages.post("/jira/<key>/status")
    def set_status(key: str) -> Any:
        resolution = request.form.get("resolution", "")
        with jira.lock:
            known = _issue(jira, key).key
            if resolution and resolution not in jira.resolutions:
                abort(400)
            if resolution:
                jira.close(known, resolution)
            else:
                jira.reopen(known)
        home.say(CLOSED.format(known, resolution) if resolution else OPENED.format(known))
        return redirect(url_for(".issue", key=known), 303)

    @pages.get("/jira/<key>/comments/<id>")
    def comment(key: str, id: str) -> Response:
        with jira.lock:
            comments = list(_issue(jira, key).comments)
        found = next((comment for comment in comments if comment["id"] == id), None) or abort(404)
        back = url_for(".issue", key=key)
        message = _comment(found, found["body"])
        return live("message.html", tool="Jira", name=f"{key}, comment", back=back, message=message)

    return pages


def browse_page(jira: Jira, home: Home) -> Blueprint:
    """The page that messages link to, `/browse/<key>` on Jira's own server. It leads to the demo's page, if
    the demo's pages are served."""
    pages = shell("jira_browse", home)

    @pages.get("/browse/<key>")
    def browse(key: str) -> Any:
        return redirect(f"{home.url}/jira/{_issue(jira, key).key}") if home.url else issue_page(jira, key)

    return pages


def issue_page(jira: Jira, key: str) -> Response:
    with jira.lock:
        issue = _issue(jira, key)
        comments = issue.comments[::-1]
        known = drawing.Issue(
            issue.key,
            issue.status,
            attachments=tuple(name.partition("/")[2] for name in issue.attachments),
        )
        fields, closed = dict(issue.fields), jira.status_of(issue.key) == "done"
    shown = part(comments)
    return live(
        "message.html",
        tool="Jira",
        name=key,
        back="/jira",
        message=drawing.message({"fields": fields}, Byline(_created(issue)), Pen(opens), known),
        replies=[
            (
                _comment(comment, _brief(comment["body"])),
                f"/jira/{key}/comments/{comment['id']}",
                "Whole comment",
            )
            for comment in shown.items
        ],
        part=shown,
        heading=f"{counted(shown.total, 'comment')}, newest first",
        issue=known.key,
        resolutions=() if closed else jira.resolutions,
    )


def _issue(jira: Jira, key: str) -> Issue:
    return jira.issues.get(key) or abort(404)


def _created(issue: Issue) -> datetime:
    return datetime.fromtimestamp(issue.created, UTC)


def _row(issue: Issue) -> Row:
    priority = issue.fields.get("priority") or {}
    return Row(
        issue.key,
        str(issue.fields.get("summary", "")),
        issue.status,
        str(priority.get("name", "")),
        len(issue.comments),
        _created(issue),
    )


def _comment(comment: dict[str, Any], body: Any) -> Markup:
    byline = Byline(datetime.fromisoformat(comment["created"]))
    heading = el("h3", "vh", f"Comment {comment['id']}")
    return joined((heading, el("article", "view v-jira", drawing.comment(body, byline, Pen(opens)))))


def _brief(document: Any) -> Any:
    """A comment's title and its panel."""
    return {**document, "content": document["content"][:2]} if isinstance(document, dict) else document
