"""What the tests of the parser share."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from receiver.events.parse.webhook import parse
from shared.models.events import Event

AT = datetime(2026, 7, 6, 0, 20, tzinfo=UTC)


def event(kind: str, **fields: Any) -> Event:
    return Event(id="e1", kind=kind, received_at=AT, **fields)


def parsed(body: object) -> Event:
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    return parse(body.encode() if isinstance(body, str) else body, id="e1", received_at=AT)
