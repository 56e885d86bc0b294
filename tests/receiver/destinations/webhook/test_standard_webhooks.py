"""The headers of Standard Webhooks, checked by the package that receivers use."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from receiver.destinations.contract import NEW_CASE, Delivered
from receiver.destinations.webhook.destination import WebhookDestination
from receiver.destinations.webhook.signature import standard_headers
from receiver.messages.compose import compose
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.secrets import Secret

HEX = "0123456789abcdef" * 4  # as `openssl rand -hex 32` makes it
PREFIXED = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"other" * 6).decode()
NO_KEY = "a-secret-of-the-siem"


def sent(peer: Any, alarm: Alarm, *secrets: str) -> Any:
    siem = WebhookDestination("siem", Secret(f"{peer.origin}/in"), [Secret(s) for s in secrets], Http())
    assert siem.deliver(compose(alarm), NEW_CASE) == Delivered()
    return peer.requests[-1]


@pytest.mark.parametrize("secret", [HEX, PREFIXED])
def test_a_receiver_verifies_them_with_the_same_secret(
    peer: Any, alarms: dict[str, Alarm], secret: str
) -> None:
    request = sent(peer, alarms["rich"], secret)
    assert Webhook(secret).verify(request.body, dict(request.headers))["specversion"] == "1.0"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(request.body, dict(request.headers))
    assert "Huntbridge-Signature" in request.headers


def test_in_a_rotation_either_secret_verifies(peer: Any, alarms: dict[str, Alarm]) -> None:
    request = sent(peer, alarms["rich"], PREFIXED, OTHER)
    for secret in (PREFIXED, OTHER):
        assert Webhook(secret).verify(request.body, dict(request.headers))


@pytest.mark.parametrize("secret", [NO_KEY, "whsec_" + base64.b64encode(b"short" * 4).decode(), "ü" * 32])
def test_a_secret_of_another_form_signs_only_huntbridges_own_header(
    peer: Any, alarms: dict[str, Alarm], secret: str
) -> None:
    request = sent(peer, alarms["rich"], secret)
    assert "Huntbridge-Signature" in request.headers
    assert not {"webhook-id", "webhook-timestamp", "webhook-signature"} & {
        name.lower() for name in request.headers
    }


def test_the_id_is_the_same_at_every_attempt_and_has_no_dot(peer: Any, alarms: dict[str, Alarm]) -> None:
    alarm = alarms["minimal"]
    for id in ("7f3c9a52", "undelivered:soc:1.5:1763.123", "name of a hunt ü@x"):
        named = replace(alarm, event=replace(alarm.event, id=id))
        ids = {sent(peer, named, HEX).headers["webhook-id"] for _ in range(2)}
        assert len(ids) == 1
        assert "." not in ids.pop()
    assert sent(peer, replace(alarm, event=replace(alarm.event, id="7f3c9a52")), HEX).headers[
        "webhook-id"
    ] == ("7f3c9a52")


def test_the_package_signs_alike() -> None:
    at, body = int(time.time()), json.dumps({"a": 1})
    headers = standard_headers(body.encode(), "msg_1", [Secret(PREFIXED)], at)
    assert headers["webhook-signature"] == Webhook(PREFIXED).sign(
        "msg_1", datetime.fromtimestamp(at, UTC), body
    )
