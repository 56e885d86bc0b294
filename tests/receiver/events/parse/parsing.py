"""What the tests of the parser share."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from receiver.events.parse.webhook import parse
from shared.models.events import Event

AT = datetime(2026, 7, 6, 0, 20, tzinfo=UTC)


def event(kind: str, **fields: object) -> Event:
    return replace(Event(id="e1", kind=kind, received_at=AT), **fields)


def parsed(body: bytes | str | object) -> Event:
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    return parse(body.encode() if isinstance(body, str) else body, id="e1", received_at=AT)
