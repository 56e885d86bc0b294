"""Finds the people and groups whom a message would notify."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PING = re.compile(r"<(!(?:channel|here|everyone)\b|!subteam\^\w+|@[UW]\w+)[^>]*>")
_NAME_PING = re.compile(r"(?<!\w)@(?:channel|here|everyone)\b")


def pings(body: Mapping[str, Any]) -> list[str]:
    """The mentions by which this message would notify somebody, in the order of its texts."""
    by_name = body.get("link_names") or body.get("parse") == "full"
    mentions: list[str] = []
    for text in _mrkdwn(body):
        mentions += [match[0] for match in _PING.finditer(text)]
        mentions += [match[0] for match in _NAME_PING.finditer(text)] if by_name else []
    return mentions


def _mrkdwn(node: Any, key: str = "") -> Iterator[str]:
    """Every text in which Slack reads markup: all texts except `plain_text`, URLs and values."""
    if isinstance(node, str):
        if key in {"text", "pretext", "title", "value", "fallback"}:
            yield node
    elif isinstance(node, list):
        for item in node:
            yield from _mrkdwn(item, key)
    elif isinstance(node, dict) and node.get("type") not in {"plain_text", "button"}:
        for name, item in node.items():
            yield from _mrkdwn(item, name)
