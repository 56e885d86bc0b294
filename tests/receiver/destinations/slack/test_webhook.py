"""The destination of an incoming webhook: proxies and mentions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.request import getproxies

import pytest

from demo.slack.mentions import pings
from receiver.destinations.contract import NEW_CASE, Retry
from receiver.destinations.slack.blocks import payload
from receiver.destinations.slack.webhook import SlackDestination
from receiver.messages.compose import compose
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.models.owners import Owner
from shared.secrets import Secret


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
        message, NEW_CASE
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
    tag = " · shop-team@acme.example" if name in ("rich",) else ""
    assert [line for line in texts if "*Owner* <" in line] == [line + tag for line in called if alarmed]
    assert pings(body) == [text.partition(" ")[2] for text in called if alarmed]
