"""Checks that an event for PagerDuty is valid, within every limit, and harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from demo.pagerduty.simulation import DEMO_KEY, problems_of
from receiver.destinations.pagerduty.destination import preview
from receiver.destinations.pagerduty.event import event, serialized
from receiver.destinations.paging import Act, acts_of
from receiver.messages.message import Message
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.models.alarms import Alarm
from tests.receiver.destinations.message_checks import LINK_HOSTS, LIVE, told

CONFIG = PagerDutyConfig(type="pagerduty", routing_key="env:R")
INVISIBLE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"


def check_pagerduty(alarm: Alarm) -> None:
    message = told(alarm)
    for act in {*acts_of(message), Act.TRIGGER}:
        raw = serialized({"routing_key": DEMO_KEY, **event(act, message, CONFIG)})
        assert len(raw) <= 512_000
        body = json.loads(raw)
        assert problems_of(body) == []
        assert len(body["dedup_key"]) <= 255
        for text in texts(body):
            assert not re.search(INVISIBLE, text), text
        for link in body.pop("links", []):
            assert urlsplit(link["href"])[:2] in {("https", host) for host in LINK_HOSTS}
        body.pop("client_url", None)
        for text in texts(body):
            assert not LIVE.search(text), text


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from texts(child)


def golden(message: Message) -> dict[str, Any]:
    """The event, by the ending of its golden file."""
    return {"json": preview(message, CONFIG).body}
