"""Refuses messages that Slack would refuse, by the limits of Block Kit (docs.slack.dev/reference/block-kit).

Blocks and properties that huntbridge does not use are refused as unknown, although Slack knows a few more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from demo.base import Refusal

MAX_BLOCKS = 50
MAX_TEXT = 12_000  # undocumented; messages of 11,341 to 13,297 characters were refused (bolt-js #2509)
MAX_ATTACHMENTS = 100
_URL = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>]+", re.IGNORECASE)
_BLOCK_KEYS = {
    "header": {"text"},
    "section": {"text", "fields", "accessory", "expand"},
    "context": {"elements"},
    "actions": {"elements"},
    "image": {"image_url", "alt_text", "title"},
    "divider": set[str](),
}
MAX_VIEW, MAX_VIEW_BLOCKS, MAX_INPUT = 250_000, 100, 3_000
_VIEW_KEYS = {"type", "title", "submit", "close", "blocks", "private_metadata", "callback_id"}
_INPUT_KEYS = {"plain_text_input": {"multiline", "max_length"}, "checkboxes": {"options"}}
MAX_OPTIONS = 100
MAX_OPTION_VALUE = 75  # @slack/types 3.2.0; slack_sdk 3.48.0 has 150
_SELECT_KEYS = {"type", "action_id", "placeholder", "options", "initial_option", "confirm"}
_CONFIRM_TEXTS = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
_BUTTON_KEYS = {"type", "text", "action_id", "url", "value", "style", "accessibility_label", "confirm"}


class Invalid(Exception):
    """A block is wrong; the text says how."""


def check_message(body: Any) -> None:
    """Raises Refusal with Slack's error word."""
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


def check_view(view: Any) -> None:
    """Checks a modal (docs.slack.dev/reference/views/modal-views). Raises Refusal with Slack's error word."""
    try:
        _check_view(view)
    except Invalid as error:
        refusal = {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": [str(error)]}}
        raise Refusal(200, refusal, why=str(error)) from error


def _check_view(view: Any) -> None:
    _require(isinstance(view, dict), "the view is not an object")
    _keys(view, _VIEW_KEYS)
    _require(view.get("type") == "modal", "the view is no modal")
    _require(len(json.dumps(view)) <= MAX_VIEW, "view_too_large")
    checker = _Checker()
    for key in ("title", "submit", "close"):
        if key in view or key == "title":
            checker.text_object(view.get(key), 24, "plain_text")
    for key, limit in {"private_metadata": 3_000, "callback_id": 255}.items():
        if key in view:
            _string(view, key, limit)
    blocks = _list(view, "blocks", MAX_VIEW_BLOCKS)
    for block in blocks:
        if isinstance(block, dict) and block.get("type") == "input":
            checker.input(block)
        else:
            checker.block(block)
    has_input = any(block["type"] == "input" for block in blocks)
    _require("submit" in view or not has_input, "a modal with an input needs submit")


class _Checker:
    """Checks one message, and counts what is limited for the whole message."""

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

    def named(self, block: Mapping[str, Any]) -> None:
        if "block_id" in block:
            name = _string(block, "block_id", 255)
            _require(name not in self.ids, f"block_id {name!r} is there twice")
            self.ids.add(name)

    def input(self, block: Mapping[str, Any]) -> None:
        _keys(block, {"type", "block_id", "label", "element", "optional"})
        self.named(block)
        self.text_object(block.get("label"), 2_000, "plain_text")
        _require(isinstance(block.get("optional", False), bool), "optional is not a boolean")
        element: Any = block.get("element")
        kind = element.get("type") if isinstance(element, dict) else None
        if kind == "static_select":
            self.select({"placeholder": {"type": "plain_text", "text": "x"}, **element})
            return
        _require(kind in _INPUT_KEYS, f"unknown element {kind!r} of an input")
        _keys(element, {"type", "action_id", *_INPUT_KEYS[str(kind)]})
        _string(element, "action_id", 255)
        if kind == "checkboxes":
            for option in _list(element, "options", 10):
                self.option(option)
        else:
            longest = element.get("max_length", MAX_INPUT)
            _require(isinstance(longest, int) and 1 <= longest <= MAX_INPUT, "max_length")

    def block(self, block: Any) -> None:
        _require(isinstance(block, dict), "a block is not an object")
        kind = block.get("type")
        _require(isinstance(kind, str) and kind in _BLOCK_KEYS, f"unknown block type {kind!r}")
        _keys(block, _BLOCK_KEYS[kind] | {"type", "block_id"})
        self.named(block)
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
            if isinstance(element, dict) and element.get("type") == "static_select":
                self.select(element)
                continue
            self.element(element)
            _require(element["type"] == "button", "only buttons and selects are known in actions")
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
        if "confirm" in element:
            self.confirmation(element["confirm"])

    def select(self, element: Mapping[str, Any]) -> None:
        _keys(element, _SELECT_KEYS)
        _string(element, "action_id", 255)
        self.text_object(element.get("placeholder"), 150, "plain_text")
        options = _list(element, "options", MAX_OPTIONS)
        for option in options:
            self.option(option)
        if "initial_option" in element:
            _require(element["initial_option"] in options, "initial_option is none of the options")
        if "confirm" in element:
            self.confirmation(element["confirm"])

    def option(self, option: Any) -> None:
        _require(isinstance(option, dict), "an option is not an object")
        _keys(option, {"text", "value", "description"})
        self.text_object(option.get("text"), 75, "plain_text")
        _string(option, "value", MAX_OPTION_VALUE)
        if "description" in option:
            self.text_object(option["description"], 75, "plain_text")

    def confirmation(self, confirm: Any) -> None:
        _require(isinstance(confirm, dict), "confirm is not an object")
        _keys(confirm, {*_CONFIRM_TEXTS, "style"})
        for key, limit in _CONFIRM_TEXTS.items():
            self.text_object(confirm.get(key), limit, "plain_text")
        _require(confirm.get("style", "primary") in {"primary", "danger"}, "unknown style of confirm")

    def image(self, element: Mapping[str, Any]) -> None:
        _require(_URL.fullmatch(_string(element, "image_url", 3_000)), "image_url is not a URL")
        _string(element, "alt_text", 2_000)

    def text_object(self, text: Any, limit: int, kind: str = "") -> None:
        _require(isinstance(text, dict), "a text object is missing")
        type = text.get("type")
        _require(type in ({kind} if kind else {"plain_text", "mrkdwn"}), f"text of type {type!r}")
        _keys(text, {"type", "text", "emoji" if type == "plain_text" else "verbatim"})
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
