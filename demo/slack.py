"""A simulated Slack: a message comes in, by an incoming webhook or by the Web API with a bot token, and `ok`
or Slack's own error word goes out.

The limits are those of Block Kit (docs.slack.dev/reference/block-kit), of incoming webhooks and of the
methods (docs.slack.dev/reference/methods). Blocks and arguments that huntbridge has no use for are refused as
unknown, although the real one knows a few more. It never pings anybody: what would have pinged is kept in
`mentions`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from demo.chat import Rate, Refusal, Simulation, parse, whole_seconds

DEMO_TOKEN = "-".join(("xoxb", "demo", "demo"))
DEMO_SIGNING_SECRET = "0123456789abcdef" * 2
MAX_BLOCKS = 50
MAX_EDITED_TEXT = 4_000  # chat.update, "msg_too_long"
MAX_PAGE = 999  # conversations.list
MAX_TEXT = 12_000  # undocumented; messages of 11,341 to 13,297 characters were refused (bolt-js #2509)
MAX_ATTACHMENTS = 100

_PING = re.compile(r"<(!(?:channel|here|everyone)\b|!subteam\^\w+|@[UW]\w+)[^>]*>")
_NAME_PING = re.compile(r"(?<!\w)@(?:channel|here|everyone)\b")
_URL = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>]+", re.IGNORECASE)

_BLOCK_KEYS = {
    "header": {"text"},
    "section": {"text", "fields", "accessory", "expand"},
    "context": {"elements"},
    "actions": {"elements"},
    "image": {"image_url", "alt_text", "title"},
    "divider": set[str](),
}
_BUTTON_KEYS = {"type", "text", "action_id", "url", "value", "style", "accessibility_label"}


class Invalid(Exception):
    """What is wrong with a block, in words."""


@dataclass
class Channel:
    """A channel of the workspace, and whether the app is in it."""

    id: str
    name: str
    is_member: bool = True
    is_archived: bool = False
    is_private: bool = False

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "is_member": self.is_member,
            "is_archived": self.is_archived,
            "is_private": self.is_private,
        }


@dataclass
class Post:
    """A message that the app posted: as it stands now, and what it was before each edit."""

    channel: str
    ts: str
    at: datetime
    body: dict[str, Any]
    thread_ts: str = ""  # of its parent; empty for a parent
    broadcast: bool = False
    locked: bool = False  # takes no more replies
    edits: list[dict[str, Any]] = dataclass_field(default_factory=list)


@dataclass(frozen=True)
class Whisper:
    """A message that one person alone sees."""

    channel: str
    user: str
    body: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Request:
    """What Slack sends to an app's Request URL."""

    body: bytes
    headers: Mapping[str, str]


def signed(body: bytes, secret: str, at: float) -> Request:
    """A request as Slack signs it: docs.slack.dev, "Verifying requests from Slack"."""
    timestamp = str(int(at))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return Request(
        body,
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": f"v0={digest}",
        },
    )


class Slack(Simulation):
    """`rate` messages a second for each webhook and each channel, `burst` of them at once; None lets every
    one through. `channels`, `posts`, `scopes`, `revoked` (an error word) and `page` may be changed at any
    time."""

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
        self.page = MAX_PAGE  # channels that conversations.list gives at once, at most
        self.posts: list[Post] = []
        self.whispers: list[Whisper] = []
        self._clicks = 0
        for name, method in {
            "auth.test": self._auth_test,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.info": self._info,
            "conversations.list": self._list,
        }.items():
            self.blueprint.add_url_rule(
                f"/api/{name}", name.replace(".", "_"), self._called(method), methods=["POST"]
            )

    def replies(self, parent: Post) -> list[Post]:
        return [post for post in self.posts if (post.channel, post.thread_ts) == (parent.channel, parent.ts)]

    def click(
        self, post: Post, action_id: str, *, user: str = "U012AB3CD", name: str = "ada", on: str = ""
    ) -> Request:
        """What Slack sends when this user clicks the button `action_id` of a message. `on` is the base URL of
        this simulation, for the response_url. Raises LookupError where the message has no such button."""
        with self._lock:
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
                "block_id": block.get("block_id", "b1"),
                "action_ts": f"{self._now():.6f}",
            }
            payload = {
                "type": "block_actions",
                "user": {"id": user, "username": name, "name": name, "team_id": "T00000000"},
                "api_app_id": "A00000000",
                "team": {"id": "T00000000", "domain": "acme"},
                "container": {**container, "is_ephemeral": False},
                "trigger_id": f"{self._clicks}.{self._clicks}.demo",
                "channel": {"id": post.channel, "name": "soc"},
                "message": {"type": "message", "ts": post.ts, **post.body},
                "response_url": f"{on}/actions/T00000000/{self._clicks}/demo",
                "actions": [action],
            }
            return signed(
                urlencode({"payload": json.dumps(payload)}).encode(), self.signing_secret, self._now()
            )

    def shown(self) -> list[dict[str, Any]]:
        """The messages as the page wants them, oldest first: a parent with its replies, and under `only` the
        user who alone sees a message."""
        with self._lock:
            hooked = [{"at": m.at.isoformat(), "body": m.body} for m in self.messages if not m.key]
            posted = [
                {**_shown(post), "replies": [_shown(reply) for reply in self.replies(post)]}
                for post in self.posts
                if not post.thread_ts
            ]
            whispered = [
                {"at": one.at.isoformat(), "body": one.body, "only": one.user} for one in self.whispers
            ]
        return sorted(hooked + posted + whispered, key=lambda message: str(message["at"]))

    # The Web API. What goes wrong goes out as `ok: false` inside a 200.

    def _called(self, method: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[], Response]:
        def view() -> Response:
            arguments = self._arguments()
            with self._lock:
                found = method(arguments)
            answer = jsonify({"ok": True, **found})
            answer.headers["X-OAuth-Scopes"] = ",".join(sorted(self.scopes))
            return answer

        return view

    def _arguments(self) -> dict[str, Any]:
        """Of an authentic call."""
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
            found = parse(request.get_data() or b"{}")
        except ValueError as error:
            raise _no("invalid_json", str(error)) from error
        if not isinstance(found, dict):
            raise _no("json_not_object")
        return found

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
        if self._rate:
            if wait := self._rate.wait(channel.id):
                raise Refusal(
                    429, {"ok": False, "error": "ratelimited"}, headers={"Retry-After": whole_seconds(wait)}
                )
            self._rate.take(channel.id)
        ts = f"{int(self._now())}.{len(self.messages) + 1:06}"
        self._accept(arguments, f"{channel.id} {ts}")
        self.mentions += pings(body)
        self.posts.append(Post(channel.id, ts, self._at(), body, thread, broadcast))
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
        self.whispers.append(Whisper(channel.id, user, body, self._at()))
        return {"message_ts": f"{int(self._now())}.{len(self.whispers):06}"}

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
        self._accept(arguments, f"{channel.id} {post.ts}")
        post.edits.append(post.body)
        # Without blocks the old ones go; unfurling stays as it was.
        kept = {key: post.body[key] for key in ("unfurl_links", "unfurl_media") if key in post.body}
        post.body = {**body, **kept}
        return {"channel": channel.id, "ts": post.ts, "text": body.get("text", "")}

    def _info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        for channel in self.channels:
            if channel.id == arguments.get("channel"):
                self._needs("groups:read" if channel.is_private else "channels:read")
                return {"channel": channel.told()}
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
        seen = [
            c
            for c in self.channels
            if (c.is_member and "private_channel" in types if c.is_private else "public_channel" in types)
        ]
        end = int(start) + min(int(limit), self.page)
        more = str(end) if end < len(seen) else ""
        page = [channel.told() for channel in seen[int(start) : end]]
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
        _check_message(body)
        with self._lock:
            if self._rate:
                if wait := self._rate.wait():
                    raise Refusal(429, "rate_limited", headers={"Retry-After": whole_seconds(wait)})
                self._rate.take()
            self._accept(body)
            self.mentions += pings(body)
        return Response("ok", mimetype="text/html")


def _no(error: str, why: str = "") -> Refusal:
    return Refusal(200, {"ok": False, "error": error}, why=why or error)


def _known(arguments: Mapping[str, Any], names: set[str]) -> None:
    if unknown := arguments.keys() - names - {"channel", "text", "blocks", "attachments"}:
        raise _no("invalid_arg_name", ", ".join(sorted(unknown)))


def _content(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of a message, checked."""
    names = ("text", "blocks", "attachments", "unfurl_links", "unfurl_media")
    body = {name: arguments[name] for name in names if name in arguments}
    try:
        _check_message(body)
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


def pings(body: Mapping[str, Any]) -> list[str]:
    """Everybody whom this message would ping, in the order of its texts."""
    by_name = body.get("link_names") or body.get("parse") == "full"
    found: list[str] = []
    for text in _mrkdwn(body):
        found += [match[0] for match in _PING.finditer(text)]
        found += [match[0] for match in _NAME_PING.finditer(text)] if by_name else []
    return found


def _mrkdwn(node: Any, key: str = "") -> Iterator[str]:
    """Every text in which Slack looks for markup: all but `plain_text`, urls and values."""
    if isinstance(node, str):
        if key in {"text", "pretext", "title", "value", "fallback"}:
            yield node
    elif isinstance(node, list):
        for item in node:
            yield from _mrkdwn(item, key)
    elif isinstance(node, dict) and node.get("type") not in {"plain_text", "button"}:
        for name, item in node.items():
            yield from _mrkdwn(item, name)


def _check_message(body: Any) -> None:
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_payload", why="the payload is not an object")
    text, blocks, attachments = body.get("text"), body.get("blocks"), body.get("attachments")
    if text is not None and not isinstance(text, str):
        raise Refusal(400, "invalid_payload", why="text is not a string")
    if not text and not blocks and not attachments:
        raise Refusal(400, "no_text")
    checker = _Checker()
    try:
        checker.blocks(blocks or [])
    except Invalid as error:
        raise Refusal(400, "invalid_blocks", why=str(error)) from error
    if isinstance(attachments, list) and len(attachments) > MAX_ATTACHMENTS:
        raise Refusal(400, "too_many_attachments")
    try:
        checker.attachments(attachments or [])
    except Invalid as error:
        raise Refusal(400, "invalid_attachments", why=str(error)) from error


class _Checker:
    """Checks one message; what must be counted over the whole of it is counted here."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.text = 0

    def attachments(self, attachments: Any) -> None:
        _require(isinstance(attachments, list), "attachments is not a list")
        blocks = 0
        for attachment in attachments:
            _require(isinstance(attachment, dict), "an attachment is not an object")
            _require(isinstance(attachment.get("color", ""), str), "color is not a string")
            if "blocks" in attachment:
                self.blocks(attachment["blocks"])
                blocks += len(attachment["blocks"])
            else:
                _require(attachment.get("text") or attachment.get("fallback"), "an attachment is empty")
        _require(blocks <= MAX_BLOCKS, f"{blocks} blocks in the attachments")

    def blocks(self, blocks: Any) -> None:
        _require(isinstance(blocks, list), "blocks is not a list")
        _require(len(blocks) <= MAX_BLOCKS, f"{len(blocks)} blocks")
        for block in blocks:
            self.block(block)
        _require(self.text <= MAX_TEXT, f"{self.text} characters of text")

    def block(self, block: Any) -> None:
        _require(isinstance(block, dict), "a block is not an object")
        kind = block.get("type")
        _require(isinstance(kind, str) and kind in _BLOCK_KEYS, f"unknown block type {kind!r}")
        _keys(block, _BLOCK_KEYS[kind] | {"type", "block_id"})
        if "block_id" in block:
            name = _string(block, "block_id", 255)
            _require(name not in self.ids, f"block_id {name!r} is there twice")
            self.ids.add(name)
        getattr(self, f"_{kind}")(block)

    def _header(self, block: Mapping[str, Any]) -> None:
        self.text_object(block.get("text"), 150, "plain_text")

    def _section(self, block: Mapping[str, Any]) -> None:
        _require("text" in block or "fields" in block, "a section has neither text nor fields")
        if "text" in block:
            self.text_object(block["text"], 3_000)
        for field in _list(block, "fields", 10) if "fields" in block else []:
            self.text_object(field, 2_000)
        if "accessory" in block:
            self.element(block["accessory"])

    def _context(self, block: Mapping[str, Any]) -> None:
        for element in _list(block, "elements", 10):
            if isinstance(element, dict) and element.get("type") == "image":
                self.element(element)
            else:
                self.text_object(element, 3_000)

    def _actions(self, block: Mapping[str, Any]) -> None:
        elements = _list(block, "elements", 25)
        for element in elements:
            self.element(element)
            _require(element["type"] == "button", "only buttons are known in actions")
        actions = [e["action_id"] for e in elements if "action_id" in e]
        _require(len(actions) == len(set(actions)), "an action_id is there twice")

    def _image(self, block: Mapping[str, Any]) -> None:
        self.image({k: v for k, v in block.items() if k in {"image_url", "alt_text"}})
        if "title" in block:
            self.text_object(block["title"], 2_000, "plain_text")

    def _divider(self, block: Mapping[str, Any]) -> None:
        """Nothing more to check."""

    def element(self, element: Any) -> None:
        _require(isinstance(element, dict), "an element is not an object")
        if element.get("type") == "image":
            _keys(element, {"type", "image_url", "alt_text"})
            self.image(element)
            return
        _require(element.get("type") == "button", f"unknown element {element.get('type')!r}")
        _keys(element, _BUTTON_KEYS)
        self.text_object(element.get("text"), 75, "plain_text")
        for key, limit in {"action_id": 255, "value": 2_000, "accessibility_label": 75}.items():
            if key in element:
                _string(element, key, limit)
        if "url" in element:
            _require(_URL.fullmatch(_string(element, "url", 3_000)), "url is not a URL")
        _require(element.get("style", "primary") in {"primary", "danger"}, "unknown button style")

    def image(self, element: Mapping[str, Any]) -> None:
        _require(_URL.fullmatch(_string(element, "image_url", 3_000)), "image_url is not a URL")
        _string(element, "alt_text", 2_000)

    def text_object(self, text: Any, limit: int, kind: str = "") -> None:
        _require(isinstance(text, dict), "a text object is missing")
        found = text.get("type")
        _require(found in ({kind} if kind else {"plain_text", "mrkdwn"}), f"text of type {found!r}")
        _keys(text, {"type", "text", "emoji" if found == "plain_text" else "verbatim"})
        for switch in text.keys() & {"emoji", "verbatim"}:
            _require(isinstance(text[switch], bool), f"{switch} is not a boolean")
        self.text += len(_string(text, "text", limit))


def _require(condition: object, why: str) -> None:
    if not condition:
        raise Invalid(why)


def _keys(thing: Mapping[str, Any], known: set[str]) -> None:
    _require(thing.keys() <= known, f"additional property {sorted(thing.keys() - known)}")


def _string(thing: Mapping[str, Any], key: str, limit: int) -> str:
    value = thing.get(key)
    if not isinstance(value, str):
        raise Invalid(f"{key} is not a string")
    _require(1 <= len(value) <= limit, f"{key} has {len(value)} characters; 1 to {limit} are allowed")
    return value


def _list(thing: Mapping[str, Any], key: str, limit: int) -> list[Any]:
    value = thing.get(key)
    if not isinstance(value, list):
        raise Invalid(f"{key} is not a list")
    _require(1 <= len(value) <= limit, f"{key} has {len(value)} items; 1 to {limit} are allowed")
    return value
