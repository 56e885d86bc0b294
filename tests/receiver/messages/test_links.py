"""Which links a message has."""

from __future__ import annotations

import pytest

from receiver.messages.compose import compose
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.event_kinds import ACKNOWLEDGED, HUNT_FINISHED, JOB_FAILING, TEST
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import System
from tests.receiver.messages.examples import NOON

CASE = "Open the case: /cases/project/12/evidence/31"
HUNT = "weekly@2026-11-22T02:00:00Z"


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


CONSOLE = {"platform": {"url": "https://cado.example", "api_key": "env:KEY"}}


@pytest.mark.parametrize(
    ("event", "page"),
    [
        (Event("e", "processing_with_alarms", NOON, project_id=12, evidence_id=31), CASE),
        (Event("e", ACKNOWLEDGED, NOON, project_id=12, evidence_id=31), CASE),
        (Event("e", HUNT_FINISHED, NOON, hunt_id=HUNT), "Open the hunt: /hunts/weekly@2026-11-22T02:00:00Z"),
        (Event("e", HUNT_FINISHED, NOON), ""),
        (Event("e", JOB_FAILING, NOON), ""),
        (Event("e", TEST, NOON), ""),
    ],
)
def test_a_message_leads_to_the_page_of_its_case_or_hunt_if_the_console_has_an_address(
    event: Event, page: str
) -> None:
    alarm = Alarm(event, Severity.MALICIOUS)
    config = Config.model_validate({**CONSOLE, "console": {"url": "https://console.acme.example/hunts/"}})
    links = [f"{link.text}: {link.url}" for link in compose(alarm, config).links]
    assert links == ([page.replace(": ", ": https://console.acme.example/hunts")] if page else [])
    assert compose(alarm, Config.model_validate(CONSOLE)).links == ()
