"""Which way an alarm goes: it is sent, it waits, it goes into a digest, or there is nothing left to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from receiver.deliveries.digest import may_go_into_digest
from shared.models.alarms import Alarm
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.event_kinds import ACKNOWLEDGED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues.ports import Done
from shared.queues.worker import work

EVENT = Event("e", "processing_with_alarms", datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
ALARM = Alarm(EVENT, Severity.SUSPICIOUS)
DELIVERY = Delivery("e", "soc")


def test_an_alarm_that_was_delivered_is_not_sent_again(stage):
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    (item, _) = stage.runtime.deliveries.claim(2, lease=60)
    for claims in (1, 2):
        assert stage.work.delivery(replace(item, claims=claims)) == Done()
    assert len(stage.soc.sent) + len(stage.office.sent) == 1


@pytest.mark.parametrize(
    ("alarm", "delivery", "expected"),
    [
        (ALARM, DELIVERY, True),
        (replace(ALARM, severity=Severity.MALICIOUS), DELIVERY, False),
        (replace(ALARM, event=replace(EVENT, kind=ACKNOWLEDGED)), DELIVERY, False),
        (ALARM, replace(DELIVERY, in_doubt=True), False),
        (ALARM, replace(DELIVERY, state=DeliveryState.SENDING), False),
    ],
)
def test_urgent_own_and_doubtful_alarms_go_into_no_digest(alarm, delivery, expected):
    assert may_go_into_digest(alarm, delivery) is expected
