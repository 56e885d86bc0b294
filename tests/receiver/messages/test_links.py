"""Which links a message has."""

from __future__ import annotations

import pytest

from receiver.messages.compose import compose
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import System
from tests.receiver.messages.examples import NOON


@pytest.mark.parametrize(
    ("region", "instance", "host"),
    [
        ("eu-west-1", "i-0123456789abcdef0", "eu-west-1.console.aws.amazon.com"),
        ("eu-west-1", "i-01234567", "eu-west-1.console.aws.amazon.com"),
        ("us-gov-west-1", "i-01234567", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("cn-north-1", "i-01234567", "cn-north-1.console.amazonaws.cn"),
        ("eusc-de-east-1", "i-01234567", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ("us-iso-east-1", "i-01234567", ""),
        ("", "i-01234567", ""),
        ("evil.example/?-1", "i-01234567", ""),
        ("eu-west-1\n", "i-01234567", ""),
        ("eu-west-1", "i-0123456", ""),
        ("eu-west-1", "i-01234567|https://evil.example", ""),
    ],
)
def test_the_console_is_that_of_the_regions_partition(region: str, instance: str, host: str) -> None:
    event = Event("e", "capture_failed", NOON, system=System(instance, region))
    links = compose(Alarm(event, Severity.UNKNOWN)).links
    path = f"/ec2/home?region={region}#InstanceDetails:instanceId={instance}"
    assert [link.url for link in links] == ([f"https://{host}{path}"] if host else [])
