"""Checks that an alert for Jira Service Management is valid, within every limit, and harmless."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from demo.jsm.simulation import CHANGED, CREATED, errors_of
from receiver.destinations.jsm import alert
from receiver.destinations.jsm.destination import preview
from receiver.messages.message import Message
from shared.config.destinations.jsm import JsmConfig
from shared.models.alarms import Alarm
from tests.receiver.destinations.message_checks import LINK_HOSTS, LIVE, told
from tests.receiver.destinations.pagerduty.checks import INVISIBLE, texts

CONFIG = JsmConfig(type="jsm", api_key="env:G")
LINK = r"https://[^\s]+"


def check_jsm(alarm: Alarm) -> None:
    message = told(alarm)
    created = alert.create(message, CONFIG)
    assert errors_of(created, CREATED, "message") == {}
    assert re.fullmatch("huntbridge-[0-9a-f]{64}", created["alias"])
    assert errors_of(alert.note(message), CHANGED, "note") == {}
    assert errors_of(alert.change(message), CHANGED) == {}
    for body in (created, alert.note(message), alert.change(message)):
        for text in texts(json.loads(json.dumps(body, ensure_ascii=False).encode())):
            assert not re.search(INVISIBLE, text), text
            assert "<" not in text
            for link in re.findall(LINK, text):
                assert urlsplit(link).hostname in LINK_HOSTS, text
            assert not LIVE.search(re.sub(LINK, "", text)), text


def golden(message: Message) -> dict[str, Any]:
    """The alert, or what is added to it, and the note that an open alert gets instead, by the endings of
    their golden files."""
    return {"json": preview(message, CONFIG).body, "note.json": alert.note(message)}
