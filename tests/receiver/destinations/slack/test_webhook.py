"""The seam to slack-sdk: an upgrade that changes what we override must fail here, not in the field."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any
from urllib.request import Request, getproxies

import pytest
from slack_sdk.webhook import WebhookClient

from demo.slack.mentions import pings
from receiver.destinations.contract import NEW_CASE, Rejected, Retry
from receiver.destinations.slack.blocks import payload
from receiver.destinations.slack.client import SdkWebhookClient
from receiver.destinations.slack.errors import WEBHOOK_REFUSALS
from receiver.destinations.slack.webhook import SlackDestination
from receiver.messages.compose import compose
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.models.owners import Owner
from shared.secrets import Secret


def test_the_sdk_still_sends_through_the_method_that_is_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_sdk_does_not_retry_and_does_not_log() -> None:
    client = SdkWebhookClient("https://hooks.slack.com/services/T/B/X", Http(), 1)
    assert client.retry_handlers == []
    assert not any(client.logger.isEnabledFor(level) for level in (10, 20, 30, 40, 50))
    assert client.logger.parent is None


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    peer: Any, reply: Any, alarms: dict[str, Any], monkeypatch: pytest.MonkeyPatch, dead_port: int
) -> None:
    message = compose(alarms["minimal"])
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, peer.origin)
        monkeypatch.setenv(name.lower(), peer.origin)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    http = Http(proxies=getproxies())
    peer.answers(reply(403))
    outcome = SlackDestination("soc", Secret("https://hooks.slack.com/services/T/B/X"), http).deliver(
        message, {}
    )
    assert outcome == Retry("hooks.slack.com: the proxy refused to connect us")
    assert [(request.method, request.path) for request in peer.requests] == [
        ("CONNECT", "hooks.slack.com:443")
    ]

    peer.answers(reply(200, "ok"))
    local = Secret(f"http://127.0.0.1:{dead_port}/services/T/B/X")
    assert isinstance(SlackDestination("soc", local, http).deliver(message, NEW_CASE), Retry)
    assert peer.requests == []


@pytest.mark.parametrize(
    ("id", "called"),
    [
        ("U0123456789", ["*Owner* <@U0123456789>"]),
        ("S0123456789", ["*Owner* <!subteam^S0123456789>"]),
        ("", []),
        ("!channel", []),
        ("U0123456789> <!here", []),
    ],
)
@pytest.mark.parametrize("name", ["rich", "hostile", "hunt_finished", "capture_failed"])
def test_only_a_configured_owner_is_mentioned_and_only_about_an_alarm(
    name: str, id: str, called: list[str], alarms: dict[str, Alarm]
) -> None:
    message = compose(replace(alarms[name], owner=Owner(slack=id)))
    body = payload(message)
    texts = [
        block["text"]["text"] for block in body["blocks"] if block["type"] == "section" and "text" in block
    ]
    alarmed = name != "capture_failed"
    assert [text for text in texts if "*Owner*" in text] == (called if alarmed else [])
    assert pings(body) == [text.partition(" ")[2] for text in called if alarmed]


@pytest.mark.parametrize("code", WEBHOOK_REFUSALS)
def test_every_error_code_is_rejected_with_what_to_do(
    code: str, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(reply(403, code))
    outcome = SlackDestination("soc", Secret(f"{peer.origin}/services/T/B/X"), Http()).deliver(
        compose(alarms["minimal"]), {}
    )
    assert outcome == Rejected(f"{WEBHOOK_REFUSALS[code]} ({code})")
