"""The simulated Slack: its channel, newest message first, and one message with its thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from markupsafe import Markup

from console.previews import slack as drawing
from console.previews.byline import Byline
from console.previews.elements import Pen, el, mapping, objects, text
from demo.slack.dialogs import Dialog, Unanswered
from demo.slack.records import Ephemeral, Post
from demo.slack.simulation import Slack
from demo.web.shell import Home, live, opens, part, shell
from demo.web.slack_forms import TITLE, chosen, dialog_form, menu_form
from shared.phrases import counted

# The message's ts, the button or menu, and the option of the menu: says what huntbridge answered.
Click = Callable[[str, str, str], str]
# The dialog, and what is chosen in it, by block_id: says what huntbridge answered.
Submit = Callable[[Dialog, Mapping[str, Any]], str]


def slack_pages(slack: Slack, click: Click, submit: Submit, home: Home) -> Blueprint:
    """`/slack` is the channel, `/slack/<ts>` a message with its thread. Over both lies a dialog that
    huntbridge has opened, and over a message the menu that the query names. `click` and `submit` raise
    LookupError if there is no such button, option or field."""
    pages = shell("slack_pages", home)

    def page(template: str, over: Markup | None, **context: Any) -> Response:
        """The page. With something over it, the browser does not load it again: somebody is writing."""
        with slack.lock:
            dialog = slack.dialogs.shown()
        if dialog:
            over = dialog_form(
                dialog,
                url_for(".submitted", id=dialog.id, back=request.path),
                url_for(".closed", id=dialog.id, back=request.path),
            )
        response = live(template, tool="Slack", name="#soc", over=over, over_title=TITLE, **context)
        if over:
            response.headers.pop("Refresh", None)
        return response

    @pages.get("/slack")
    def channel() -> Response:
        with slack.lock:
            posts = [post for post in slack.posts if not post.thread_ts]
            replies = {post.ts: len(slack.replies(post)) for post in posts}
            entries: list[Post | Ephemeral] = [*posts, *slack.ephemerals]
        entries.sort(key=lambda entry: entry.at)
        shown = part(entries[::-1])
        drawn = [_entry(entry, replies) for entry in shown.items]
        return page("stream.html", None, part=shown, entries=drawn)

    @pages.get("/slack/<ts>")
    def message(ts: str) -> Response:
        with slack.lock:
            post = _post(slack, ts)
            replies = [] if post.thread_ts else slack.replies(post)[::-1]
        shown = part(replies)
        return page(
            "message.html",
            _menu(post, request.args.get("menu", "")),
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

    @pages.post("/slack/<ts>/left")
    def left(ts: str) -> Any:
        """The menu was left without a choice."""
        return redirect(url_for(".message", ts=ts), 303)

    @pages.post("/slack/dialogs/<id>")
    def submitted(id: str) -> Any:
        dialog = slack.dialogs.find(id) or abort(404)
        try:
            home.say(submit(dialog, chosen(dialog, request.form)))
        except Unanswered as error:
            home.say(f"{error}.")
        except LookupError:
            abort(400)
        return redirect(_back(), 303)

    @pages.post("/slack/dialogs/<id>/close")
    def closed(id: str) -> Any:
        dialog = slack.dialogs.find(id) or abort(404)
        dialog.is_open = False
        return redirect(_back(), 303)

    return pages


def _back() -> str:
    """The page on which the dialog was."""
    path = request.args.get("back", "")
    return path if re.fullmatch(r"/slack(/[0-9.]+)?", path) else url_for("slack_pages.channel")


def _menu(post: Post, name: str) -> Markup | None:
    """The menu of the message with its confirmation; None if it has no such menu."""
    for block in objects(post.body.get("blocks")):
        for element in objects(block.get("elements")):
            if element.get("type") == "static_select" and element.get("action_id") == name:
                action, cancel = (url_for(f"slack_pages.{name}", ts=post.ts) for name in ("clicked", "left"))
                return menu_form(element, action, cancel)
    return None


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
        action = text(block.get("action_id"))
        if block.get("type") == "static_select":
            label = text(mapping(block.get("placeholder")).get("text"))
            return el("a", "fake", label, href=url_for("slack_pages.message", ts=post.ts, menu=action))
        label, confirm = drawing.button_label(block), mapping(block.get("confirm"))
        form = el(
            "form",
            "",
            el("input", "", type="hidden", name="action", value=action),
            el("input", "", type="hidden", name="from", value=place),
            el("button", drawing.button_classes(block), label),
            method="post",
            action=url_for("slack_pages.clicked", ts=post.ts),
        )
        if not confirm:
            return form
        asked = (text(mapping(confirm.get(part)).get("text")) for part in ("title", "text"))
        said = (el("div", "small", each) for each in asked)
        return el("details", "menu", el("summary", "fake", label), *said, form)

    return Pen(opens, button)
