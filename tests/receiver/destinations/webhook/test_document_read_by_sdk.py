"""The CloudEvents project's SDK reads the request of a webhook destination."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat

from receiver.destinations.contract import NEW_CASE, Delivered
from receiver.destinations.webhook.destination import WebhookDestination
from receiver.messages.compose import compose
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.secrets import Secret


def test_the_sdk_reads_every_event(peer: Any, named_alarm: tuple[str, Alarm]) -> None:
    message = compose(named_alarm[1])
    siem = WebhookDestination("siem", Secret(f"{peer.origin}/in"), [Secret("a-secret-of-the-siem")], Http())
    assert siem.deliver(message, NEW_CASE) == Delivered()
    request = peer.requests[-1]
    event = from_http_event(HTTPMessage(request.headers, request.body), JSONFormat())
    sent = json.loads(request.body)
    assert event.get_data() == sent["data"]
    assert (event.get_id(), event.get_specversion()) == (message.id, "1.0")
    assert event.get_type() == f"huntbridge.alarm.{message.kind}"
    assert event.get_source() == "https://cado.example"
    assert event.get_subject() == (message.case_key or None)
    assert event.get_time() == named_alarm[1].event.received_at


@pytest.mark.parametrize("key", ["source", "type"])
def test_the_sdk_refuses_an_event_without_a_required_key(
    key: str, peer: Any, alarms: dict[str, Alarm]
) -> None:
    siem = WebhookDestination("siem", Secret(f"{peer.origin}/in"), [Secret("a-secret-of-the-siem")], Http())
    siem.deliver(compose(alarms["rich"]), NEW_CASE)
    body = json.loads(peer.requests[-1].body)
    del body[key]
    with pytest.raises(CloudEventValidationError):
        JSONFormat().read(None, json.dumps(body))
