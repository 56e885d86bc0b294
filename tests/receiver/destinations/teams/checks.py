"""Checks that a card for Teams is valid, within every limit, and harmless."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft6Validator
from jsonschema.protocols import Validator

from receiver.destinations.teams import card as teams
from receiver.messages.message import Message
from shared.models.alarms import Alarm
from tests.receiver.destinations.message_checks import (
    CALL,
    JANE,
    LINK_HOSTS,
    LIVE,
    packaged,
    told,
    walk,
)


def adaptive_card(schema: Any) -> Validator:
    schema["definitions"]["AdaptiveCard"]["properties"]["msteams"] = {"type": "object"}  # Teams' own addition
    return Draft6Validator(schema)


CARD = adaptive_card(packaged("adaptive_cards", "schemas/schema-1.4.json"))


def check_teams(alarm: Alarm, *, by_schema: bool = True) -> None:
    raw = teams.payload(told(alarm))
    assert len(raw) <= 20_000
    body = json.loads(raw)
    card = body["attachments"][0].pop("content")
    text = json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    assert len(json.dumps(text, ensure_ascii=False).encode()) <= 28_672
    assert body == {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None}],
    }
    if by_schema:
        assert list(CARD.iter_errors(card)) == []
    assert card["version"] == "1.4"
    entity = {"type": "mention", "text": CALL, "mentioned": {"id": JANE.id, "name": JANE.name}}
    called = card.pop("msteams").pop("entities", [])
    assert called == [entity][: len(called)]
    # Elements of 1.2; a TextBlock, which reads Markdown, only for the mention of the owner.
    markdown = [node for node in walk(card) if node.get("type") == "TextBlock"]
    assert markdown == [{"type": "TextBlock", "text": f"Owner: {CALL}", "wrap": True}][: len(called)]
    assert {node["type"] for node in walk(card) if "type" in node} <= {
        *("AdaptiveCard", "Container", "ColumnSet", "Column", "RichTextBlock", "TextRun", "Action.OpenUrl"),
        *("TextBlock", "Action.ShowCard"),
    }
    assert {urlsplit(node["url"])[:2] for node in walk(card) if "url" in node} <= {
        ("https", host) for host in LINK_HOSTS
    }
    card["body"] = [node for node in card["body"] if node not in markdown]
    for node in walk(card):
        text = node.get("fallbackText") or node.get("text", "")
        assert not re.search(r"<\s*/?\s*at\b|\{\{\s*(DATE|TIME)\b", text, re.IGNORECASE), text
        # A line of a wrapped text may begin within `hxxp`.
        assert not LIVE.search(re.sub("^h?x{0,2}p?s?://", "", text)), text


def golden(message: Message) -> dict[str, Any]:
    """The body, by the ending of its golden file."""
    return {"json": json.loads(teams.payload(message))}
