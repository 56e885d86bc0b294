"""slack-sdk sends through the methods that huntbridge overrides. An upgrade that changes them fails here."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any
from urllib.request import Request

import pytest
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from demo.slack.records import DEMO_TOKEN
from receiver.destinations.slack.client import SdkWebClient, SdkWebhookClient
from receiver.messages.message import Message
from shared.http.client import Http
from tests.receiver.destinations.slack.workspace import CONTRACTS, SOC, Workspace


def test_only_arguments_of_the_published_api_are_sent(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    for message in (alarm(), alarm(8)):
        workspace.tell(message)
    calls: dict[str, set[str]] = {"chat.postMessage": set(), "chat.update": set()}
    for accepted in workspace.slack.messages:
        calls["chat.update" if "ts" in accepted.body else "chat.postMessage"] |= accepted.body.keys()
    assert calls["chat.update"] == {"channel", "ts", "text", "blocks"}
    for method, sent in calls.items():
        path = CONTRACTS / f"{method}.json"
        if not path.exists():
            pytest.skip(f"{path.name} does not lie beside the project in shared/contracts/slack")
        arguments = json.loads(path.read_text(encoding="utf-8"))["args"]
        assert sent <= arguments.keys()
        assert {name for name, argument in arguments.items() if argument["required"]} <= sent


def test_the_web_api_client_sends_through_the_overridden_method(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "_perform_urllib_http_request_internal"
    ours, theirs = inspect.signature(getattr(SdkWebClient, name)), inspect.signature(getattr(WebClient, name))
    assert list(ours.parameters) == list(theirs.parameters)
    sent: list[tuple[str, str, Any]] = []

    def keep(self: object, url: str, req: Request) -> dict[str, Any]:
        assert isinstance(req.data, bytes)
        sent.append((url, req.get_header("Authorization", ""), json.loads(req.data)))
        return {"status": 200, "headers": {"answer": "kept"}, "body": b"-"}

    monkeypatch.setattr(SdkWebClient, name, keep)
    client = SdkWebClient(DEMO_TOKEN, "https://slack-gov.com/api/", Http(), 1)
    assert client.chat_postMessage(channel=SOC, text="x").headers["answer"] == "kept"
    assert sent == [
        ("https://slack-gov.com/api/chat.postMessage", f"Bearer {DEMO_TOKEN}", {"channel": SOC, "text": "x"})
    ]
    assert client.retry_handlers == []
    assert not any(client.logger.isEnabledFor(level) for level in (10, 20, 30, 40, 50))
    assert client.logger.parent is None


def test_the_webhook_client_sends_through_the_overridden_method(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "_perform_http_request_internal"
    ours, theirs = (
        inspect.signature(getattr(SdkWebhookClient, name)),
        inspect.signature(getattr(WebhookClient, name)),
    )
    assert list(ours.parameters) == list(theirs.parameters)

    sent: list[tuple[str, Request]] = []

    class Stop(Exception): ...

    def stop(self: object, url: str, req: Request) -> None:
        sent.append((url, req))
        raise Stop

    monkeypatch.setattr(SdkWebhookClient, name, stop)
    with pytest.raises(Stop):
        SdkWebhookClient("https://hooks.slack.com/services/T/B/X", Http(), 1).send_dict({"text": "x"})
    assert [(url, req.get_method(), req.data) for url, req in sent] == [
        ("https://hooks.slack.com/services/T/B/X", "POST", b'{"text": "x"}')
    ]


def test_the_webhook_client_does_not_retry_and_does_not_log() -> None:
    client = SdkWebhookClient("https://hooks.slack.com/services/T/B/X", Http(), 1)
    assert client.retry_handlers == []
    assert not any(client.logger.isEnabledFor(level) for level in (10, 20, 30, 40, 50))
    assert client.logger.parent is None
