"""A simulated workspace, and alarms on one system."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from demo.serving import serving
from demo.slack.simulation import Slack
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.models.alarms import Alarm
from shared.models.severity import Severity
from tests.receiver.destinations.slack.workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    slack = Slack(rate=None)
    with serving(slack.app) as origin:
        yield Workspace(slack, origin)


@pytest.fixture
def alarm(alarms: dict[str, Alarm]) -> Callable[..., Message]:
    """Alarms on one system, one event after the other."""
    events = itertools.count(1)

    def make(malicious: int = 7, severity: Severity = Severity.MALICIOUS, **more: Any) -> Message:
        rich = alarms["rich"]
        event = replace(rich.event, id=f"event-{next(events)}")
        return compose(
            replace(rich, event=event, malicious=malicious, severity=severity, findings=()), **more
        )

    return make
