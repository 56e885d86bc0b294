"""A simulated Slack with incoming webhooks and the Web API, which answers `ok` or Slack's own error words.

The limits are those of incoming webhooks and of the methods (docs.slack.dev/reference/methods). Arguments
that huntbridge does not use are refused as unknown, although Slack knows a few more. It notifies nobody; the
mentions that would notify somebody are kept in `mentions`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from demo.base import Rate, Refusal, Simulation, parse, whole_seconds
from demo.slack.block_kit import check_message
from demo.slack.dialogs import Dialog, Dialogs, submission
from demo.slack.mentions import pings
from demo.slack.records import DEMO_SIGNING_SECRET, DEMO_TOKEN, Channel, Ephemeral, Post, Request, signed

MAX_POSTED_TEXT = 40_000  # chat.postMessage, "msg_too_long"
MAX_EDITED_TEXT = 4_000  # chat.update, "msg_too_long"
MAX_PAGE = 999  # conversations.list


class Slack(Simulation):
    """One workspace with one app.

    `rate`: messages a second for each webhook and each channel, `burst` of them at once; None means no limit.
    A test may change `channels`, `posts`, `scopes`, `revoked` (an error word) and `page` at any time.
    """

    name = "slack"

    def __init__(
        self,
        *,
        path: str = "T00000000/B00000000/demodemodemodemodemodemo",
        token: str = DEMO_TOKEN,
        rate: float | None = 1,
        burst: int = 1,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(now=now, sleep=sleep)
        self.path = f"/services/{path}"
        self.mentions: list[str] = []
        self._rate = Rate(burst, burst / rate, now) if rate else None
        self.blueprint.add_url_rule("/services/<path:secret>", view_func=self._post, methods=["POST"])
        self.token, self.revoked, self.signing_secret = token, "", DEMO_SIGNING_SECRET
        self.scopes = {"chat:write", "channels:read", "groups:read"}
        self.channels = [Channel("C0123456789", "soc")]
        self.page = MAX_PAGE  # the most channels in one answer of conversations.list
        self.posts: list[Post] = []
        self.ephemerals: list[Ephemeral] = []
        self._clicks = 0
        self.dialogs = Dialogs(lambda: self.now())
        for name, method in {
            "auth.test": self._auth_test,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.info": self._info,
            "conversations.list": self._list,
            "views.open": self.dialogs.open,
        }.items():
            self.blueprint.add_url_rule(
                f"/api/{name}", name.replace(".", "_"), self._called(method), methods=["POST"]
            )

    def replies(self, parent: Post) -> list[Post]:
        return [post for post in self.posts if (post.channel, post.thread_ts) == (parent.channel, parent.ts)]

    def click(
        self,
        post: Post,
        action_id: str,
        choice: str = "",
        *,
        user: str = "U012AB3CD",
        name: str = "ada",
        on: str = "",
    ) -> Request:
        """The request that Slack sends when this user clicks the button `action_id` of a message, or chooses
        the option with the value `choice` of the menu `action_id` and confirms it.

        `on` is the base URL of this simulation, for the response_url. Raises LookupError if the message has
        no such button or option.
        """
        with self.lock:
            buttons = [
                (block, element)
                for block in post.body.get("blocks", [])
                if block["type"] == "actions"
                for element in block["elements"]
                if element.get("action_id") == action_id
            ]
            if not buttons:
                raise LookupError(f"no button {action_id}")
            ((block, button),) = buttons
            self._clicks += 1
            container = {"type": "message", "message_ts": post.ts, "channel_id": post.channel}
            action = {
                **{key: button[key] for key in ("type", "action_id", "text", "value") if key in button},
                **_selected(button, choice),
                "block_id": block.get("block_id", "b1"),
                "action_ts": f"{self.now():.6f}",
            }
            payload = {
                "type": "block_actions",
                "user": {"id": user, "username": name, "name": name, "team_id": "T00000000"},
                "api_app_id": "A00000000",
                "team": {"id": "T00000000", "domain": "acme"},
                "container": {**container, "is_ephemeral": False},
                "trigger_id": self.dialogs.trigger(user),
                "channel": {"id": post.channel, "name": "soc"},
                "message": {"type": "message", "ts": post.ts, **post.body},
                "response_url": f"{on}/actions/T00000000/{self._clicks}/demo",
                "actions": [action],
            }
            return signed(
                urlencode({"payload": json.dumps(payload)}).encode(), self.signing_secret, self.now()
            )

    def submit(self, dialog: Dialog, user: str = "U012AB3CD", name: str = "ada", **chosen: Any) -> Request:
        """The request that Slack sends when the user submits the dialog. `chosen`: values by field."""
        with self.lock:
            return signed(submission(dialog, chosen, user, name), self.signing_secret, self.now())

    @property
    def answers(self) -> int:
        """How many dialogs and texts to one person have answered what users did."""
        return len(self.dialogs.opened) + len(self.ephemerals)

    def shown(self) -> list[dict[str, Any]]:
        """The messages for the demo's page, oldest first. A parent has its replies; an ephemeral message has
        `only`, the user who sees it."""
        with self.lock:
            hooked = [{"at": m.at.isoformat(), "body": m.body} for m in self.messages if not m.key]
            posted = [
                {**_shown(post), "replies": [_shown(reply) for reply in self.replies(post)]}
                for post in self.posts
                if not post.thread_ts
            ]
            ephemeral = [{"at": e.at.isoformat(), "body": e.body, "only": e.user} for e in self.ephemerals]
        return sorted(hooked + posted + ephemeral, key=lambda message: str(message["at"]))

    # The Web API. An error is `ok: false` inside a 200.

    def _called(self, method: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[], Response]:
        def view() -> Response:
            arguments = self._arguments()
            with self.lock:
                result = method(arguments)
            answer = jsonify({"ok": True, **result})
            answer.headers["X-OAuth-Scopes"] = ",".join(sorted(self.scopes))
            return answer

        return view

    def _arguments(self) -> dict[str, Any]:
        """The arguments of the call. Raises Refusal if its token is wrong."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not given:
            raise _no("not_authed")
        if given != self.token:
            raise _no("invalid_auth")
        if self.revoked:
            raise _no(self.revoked)
        if not request.is_json:
            return request.form.to_dict()
        try:
            arguments = parse(request.get_data() or b"{}")
        except ValueError as error:
            raise _no("invalid_json", str(error)) from error
        if not isinstance(arguments, dict):
            raise _no("json_not_object")
        return arguments

    def _auth_test(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"team": "Acme", "user": "huntbridge", "team_id": "T00000000", "user_id": "U00000000"}

    def _post_message(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._needs("chat:write")
        _known(arguments, {"thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media"})
        channel = self._writable(arguments)
        thread = str(arguments.get("thread_ts") or "")
        parent = self._parent(channel, thread) if thread else None
        broadcast = arguments.get("reply_broadcast") is True
        if parent and parent.locked:
            raise _no("restricted_action_thread_locked")
        if broadcast and not parent:
            raise _no("invalid_arguments", "reply_broadcast without thread_ts")
        body = _content(arguments)
        if len(body.get("text") or "") > MAX_POSTED_TEXT:
            raise _no("msg_too_long")
        if self._rate:
            if wait := self._rate.wait(channel.id):
                raise Refusal(
                    429, {"ok": False, "error": "ratelimited"}, headers={"Retry-After": whole_seconds(wait)}
                )
            self._rate.take(channel.id)
        ts = f"{int(self.now())}.{len(self.messages) + 1:06}"
        self.accept(arguments, f"{channel.id} {ts}")
        self.mentions += pings(body)
        self.posts.append(Post(channel.id, ts, self.current_time(), body, thread, broadcast))
        return {"channel": channel.id, "ts": ts, "message": {**body, "type": "message", "ts": ts}}

    def _post_ephemeral(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._needs("chat:write")
        _known(arguments, {"user"})
        channel = self._writable(arguments)
        user = arguments.get("user")
        if not isinstance(user, str) or not re.fullmatch(r"[UW][A-Z0-9]{2,20}", user):
            raise _no("user_not_in_channel")
        body = _content(arguments)
        self.mentions += pings(body)
        self.ephemerals.append(Ephemeral(channel.id, user, body, self.current_time()))
        return {"message_ts": f"{int(self.now())}.{len(self.ephemerals):06}"}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._needs("chat:write")
        _known(arguments, {"ts"})
        channel = next((c for c in self.channels if c.id == arguments.get("channel")), None)
        if channel is None:
            raise _no("channel_not_found")
        if channel.is_archived:
            raise _no("is_inactive")
        post = self._find(channel, str(arguments.get("ts")))
        if post is None:
            raise _no("message_not_found")
        body = _content(arguments)
        if len(body.get("text") or "") > MAX_EDITED_TEXT:
            raise _no("msg_too_long")
        self.accept(arguments, f"{channel.id} {post.ts}")
        post.edits.append(post.body)
        # An edit without blocks removes them. The unfurling stays as it was posted.
        unfurling: dict[str, Any] = {key: post.body[key] for key in post.body if key.startswith("unfurl_")}
        post.body = body | unfurling
        return {"channel": channel.id, "ts": post.ts, "text": body.get("text", "")}

    def _info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        for channel in self.channels:
            if channel.id == arguments.get("channel"):
                self._needs("groups:read" if channel.is_private else "channels:read")
                return {"channel": channel.as_json()}
        self._needs("channels:read")
        raise _no("channel_not_found")

    def _list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        types = str(arguments.get("types", "public_channel")).split(",")
        if not set(types) <= {"public_channel", "private_channel"}:
            raise _no("invalid_types")
        for type in types:
            self._needs("groups:read" if type == "private_channel" else "channels:read")
        limit, start = str(arguments.get("limit", 100)), str(arguments.get("cursor") or 0)
        if not limit.isdecimal() or not 1 <= int(limit) <= MAX_PAGE:
            raise _no("invalid_limit")
        if not start.isdecimal():
            raise _no("invalid_cursor")
        without_archived = str(arguments.get("exclude_archived", 0)) in ("1", "true", "True")
        seen = [
            c
            for c in self.channels
            if not (without_archived and c.is_archived)
            and (c.is_member and "private_channel" in types if c.is_private else "public_channel" in types)
        ]
        end = int(start) + min(int(limit), self.page)
        more = str(end) if end < len(seen) else ""
        page = [channel.as_json() for channel in seen[int(start) : end]]
        return {"channels": page, "response_metadata": {"next_cursor": more}}

    def _needs(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Refusal(
                200,
                {
                    "ok": False,
                    "error": "missing_scope",
                    "needed": scope,
                    "provided": ",".join(sorted(self.scopes)),
                },
            )

    def _writable(self, arguments: Mapping[str, Any]) -> Channel:
        for channel in self.channels:
            if arguments.get("channel") in (channel.id, channel.name, f"#{channel.name}"):
                if channel.is_archived:
                    raise _no("is_archived")
                if channel.is_member:
                    return channel
                raise _no("channel_not_found" if channel.is_private else "not_in_channel")
        raise _no("channel_not_found")

    def _parent(self, channel: Channel, ts: str) -> Post:
        post = self._find(channel, ts)
        if post is None:
            raise _no("thread_not_found")
        if post.thread_ts:
            raise _no("cannot_reply_to_message", "the thread_ts of a reply")
        return post

    def _find(self, channel: Channel, ts: str) -> Post | None:
        return next((p for p in self.posts if (p.channel, p.ts) == (channel.id, ts)), None)

    def _post(self, secret: str) -> Response:
        if request.path != self.path:
            raise Refusal(404, "no_service")
        try:
            body = parse(request.get_data())
        except ValueError as error:
            raise Refusal(400, "invalid_payload", why=str(error)) from error
        check_message(body)
        with self.lock:
            if self._rate:
                if wait := self._rate.wait():
                    raise Refusal(429, "rate_limited", headers={"Retry-After": whole_seconds(wait)})
                self._rate.take()
            self.accept(body)
            self.mentions += pings(body)
        return Response("ok", mimetype="text/html")


def _selected(element: Mapping[str, Any], choice: str) -> dict[str, Any]:
    if element["type"] != "static_select":
        return {}
    chosen = [option for option in element["options"] if option["value"] == choice]
    if not chosen:
        raise LookupError(f"no option {choice}")
    return {"selected_option": chosen[0]}


def _no(error: str, why: str = "") -> Refusal:
    return Refusal(200, {"ok": False, "error": error}, why=why or error)


def _known(arguments: Mapping[str, Any], names: set[str]) -> None:
    if unknown := arguments.keys() - names - {"channel", "text", "blocks", "attachments"}:
        raise _no("invalid_arg_name", ", ".join(sorted(unknown)))


def _content(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a message. Raises Refusal if Slack would refuse it."""
    names = ("text", "blocks", "attachments", "unfurl_links", "unfurl_media")
    body = {name: arguments[name] for name in names if name in arguments}
    try:
        check_message(body)
    except Refusal as error:
        raise _no(error.text, str(error)) from error
    return body


def _shown(post: Post) -> dict[str, Any]:
    return {
        "at": post.at.isoformat(),
        "ts": post.ts,
        "body": post.body,
        "broadcast": post.broadcast,
    }
