"""What the simulated Slack holds: channels and posts, and the requests that Slack sends to an app."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

DEMO_TOKEN = "-".join(("xoxb", "demo", "demo"))
DEMO_SIGNING_SECRET = "0123456789abcdef" * 2


@dataclass
class Channel:
    """A channel of the workspace, and whether the app is in it."""

    id: str
    name: str
    is_member: bool = True
    is_archived: bool = False
    is_private: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "is_member": self.is_member,
            "is_archived": self.is_archived,
            "is_private": self.is_private,
        }


@dataclass
class Post:
    """A message that the app posted, in its present form, with its earlier forms."""

    channel: str
    ts: str
    at: datetime
    body: dict[str, Any]
    thread_ts: str = ""  # the parent's ts; empty for a parent
    broadcast: bool = False
    locked: bool = False  # takes no more replies
    edits: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Ephemeral:
    """A message that only one user sees."""

    channel: str
    user: str
    body: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Request:
    """A request from Slack to the app's Request URL."""

    body: bytes
    headers: Mapping[str, str]


def signed(body: bytes, secret: str, at: float) -> Request:
    """A request with Slack's signature (docs.slack.dev, "Verifying requests from Slack")."""
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
