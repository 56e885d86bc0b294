"""The simulated Slack: its channel, newest message first, and one message with its thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from markupsafe import Markup

from console.previews import slack as drawing
from console.previews.byline import Byline
from console.previews.elements import Pen, el, mapping, objects, text
from demo.slack.records import Ephemeral, Post
from demo.slack.simulation import Slack
from demo.web.shell import Home, live, opens, part, shell
from shared.phrases import counted

# The message's ts, the button or menu, and the option of the menu: says what huntbridge answered.
Click = Callable[[str, str, str], str]


def slack_pages(slack: Slack, click: Click, home: Home) -> Blueprint:
    """`/slack` is the channel, `/slack/<ts>` a message with its thread. `click` raises LookupError if there
    is no such button or option."""
    pages = shell("slack_pages", home)

    @pages.get("/slack")
    def channel() -> Response:
        with slack.lock:
            posts = [post for post in slack.posts if not post.thread_ts]
            replies = {post.ts: len(slack.replies(post)) for post in posts}
            entries: list[Post | Ephemeral] = [*posts, *slack.ephemerals]
        entries.sort(key=lambda entry: entry.at)
        shown = part(entries[::-1])
        drawn = [_entry(entry, replies) for entry in shown.items]
        return live("stream.html", tool="Slack", name="#soc", part=shown, entries=drawn)

    @pages.get("/slack/<ts>")
    def message(ts: str) -> Response:
        with slack.lock:
            post = _post(slack, ts)
            replies = [] if post.thread_ts else slack.replies(post)[::-1]
        shown = part(replies)
        return live(
            "message.html",
            tool="Slack",
            name="#soc",
            back=url_for("slack_pages.message", ts=post.thread_ts) if post.thread_ts else url_for(".channel"),
            message=drawing.message(post.body, _byline(post), _pen(post)),
            replies=[_entry(reply, {}) for reply in shown.items],
            part=shown,
            heading=f"Thread: {counted(shown.total, 'reply').replace('replys', 'replies')}, newest first",
        )

    @pages.post("/slack/<ts>/click")
    def clicked(ts: str) -> Any:
        try:
            home.say(click(ts, request.form.get("action", ""), request.form.get("choice", "")))
        except LookupError:
            abort(404)
        whole = request.form.get("from") == "message"
        return redirect(url_for(".message", ts=ts) if whole else url_for(".channel"), 303)

    return pages


def _post(slack: Slack, ts: str) -> Post:
    return next((post for post in slack.posts if post.ts == ts), None) or abort(404)


def _entry(entry: Post | Ephemeral, replies: Mapping[str, int]) -> tuple[Markup, str, str]:
    """A message in brief, the path of the whole one, and the text of the link to it."""
    if isinstance(entry, Ephemeral):
        byline = Byline(entry.at, ("only visible to you",))
        return drawing.message(entry.body, byline, Pen(opens)), "", ""
    brief = drawing.message({**entry.body, "blocks": _brief(entry.body)}, _byline(entry), _pen(entry, "list"))
    count = replies.get(entry.ts, 0)
    more = (
        f"Whole message and {'1 reply' if count == 1 else f'{count} replies'}" if count else "Whole message"
    )
    return brief, url_for("slack_pages.message", ts=entry.ts), more


def _brief(body: Mapping[str, Any]) -> list[Any]:
    """The title, the first section, and the buttons and menus that send a click."""
    blocks = [block for block in body.get("blocks", []) if isinstance(block, dict)]
    buttons = [
        {**block, "elements": clicks}
        for block in blocks
        if block.get("type") == "actions" and (clicks := [b for b in block["elements"] if not b.get("url")])
    ]
    return [*blocks[:2], *buttons]


def _byline(post: Post) -> Byline:
    edited = ("edited",) if post.edits else ()
    broadcast = ("also sent to the channel",) if post.broadcast else ()
    return Byline(post.at, (*edited, *broadcast))


def _pen(post: Post, place: str = "message") -> Pen:
    def button(block: Mapping[str, Any]) -> Markup:
        menu = block.get("type") == "static_select"
        label = text(mapping(block.get("placeholder")).get("text")) if menu else drawing.button_label(block)
        options = [
            el("option", "", drawing.button_label(option), value=text(option.get("value")))
            for option in objects(block.get("options"))
        ]
        return el(
            "form",
            "",
            el("input", "", type="hidden", name="action", value=text(block.get("action_id"))),
            el("input", "", type="hidden", name="from", value=place),
            el("select", "fake", *options, name="choice", aria_label=label) if menu else None,
            el("button", drawing.button_classes(block), label),
            method="post",
            action=url_for("slack_pages.clicked", ts=post.ts),
        )

    return Pen(opens, button)
