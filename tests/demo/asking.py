"""Requests to the simulated Slack, Teams and Jira, for their tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.jira.simulation import Jira

SHARED = Path(__file__).resolve().parents[3] / "shared"


class Clock:
    def __init__(self) -> None:
        self.time = 1_764_000_000.0

    def __call__(self) -> float:
        return self.time


def post(simulation: Any, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = simulation.app.test_client().post(
        path, data=data, headers={"Content-Type": "application/json"} | (headers or {})
    )
    return answer.status_code, answer.get_data(as_text=True)


def envelope(card: Any) -> dict[str, Any]:
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def card_of(*body: Any, **more: Any) -> dict[str, Any]:
    return {"type": "AdaptiveCard", "version": "1.4", "body": list(body)} | more


GOOD_CARD = card_of(
    {"type": "TextBlock", "text": "t", "size": "Large", "wrap": True},
    {"type": "RichTextBlock", "inlines": ["plain", {"type": "TextRun", "text": "bold", "weight": "bolder"}]},
    {"type": "FactSet", "facts": [{"title": "Host", "value": "web-01"}]},
    {
        "type": "ColumnSet",
        "columns": [
            {"type": "Column", "width": "auto", "items": [{"type": "TextBlock", "text": "a"}]},
            {"type": "Column", "width": 2, "items": []},
        ],
    },
    {"type": "Container", "style": "attention", "bleed": True, "items": [], "id": "more", "isVisible": False},
    {"type": "ActionSet", "actions": [{"type": "Action.ToggleVisibility", "targetElements": ["more"]}]},
    actions=[{"type": "Action.OpenUrl", "title": "Open", "url": "https://cado.example/"}],
    msteams={"width": "Full"},
)
BASIC = {"Authorization": "Basic aHVudEBhY21lLmV4YW1wbGU6ZGVtby10b2tlbg=="}
BEARER = {"Authorization": "Bearer demo-token"}
API = "/rest/api/3"


def adf_document(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def text_node(text: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"marks": [{"type": m} for m in marks]} if marks else {})


def node(kind: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    node: dict[str, Any] = {"type": kind}
    return node | ({"content": list(content)} if content else {}) | ({"attrs": attrs} if attrs else {})


PARAGRAPH = node("paragraph", text_node("t"))


def issue_fields(**more: Any) -> dict[str, Any]:
    fields = {"project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "s"} | more
    return {name: value for name, value in fields.items() if value is not None}


def ask(jira: Jira, method: str, path: str, body: Any = None, headers: Any = BASIC) -> tuple[int, Any]:
    answer = jira.app.test_client().open(path, method=method, json=body, headers=headers)
    return answer.status_code, answer.get_json(silent=True)
