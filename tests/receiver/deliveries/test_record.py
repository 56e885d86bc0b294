"""What becomes of a delivery after each outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from receiver.deliveries.record import best_effort
from receiver.destinations.contract import Delivered, Rejected, Retry
from shared.queues import items
from shared.queues.ports import Again, Done, Item
from tests.queue_items import decoded

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def test_a_destination_that_asks_for_a_pause_gets_it(stage):
    stage.soc.outcomes = [Retry("Slack says rate_limited", after=40)]
    stage.receive()
    stage.run()
    assert (len(stage.soc.sent), len(stage.office.sent)) == (1, 1)
    stage.forward(39)
    stage.run()
    assert len(stage.soc.sent) == 1
    stage.forward(2)
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, False]
    assert stage.living() == 0


def test_after_an_ambiguous_answer_the_next_message_is_marked_as_a_possible_repeat(stage):
    stage.soc.outcomes = [Retry("no answer within 20 s", ambiguous=True), Retry("503")]
    stage.receive()
    for _ in range(3):
        stage.run()
        stage.forward(10)
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True, True]


def test_a_refused_message_becomes_a_dead_item_with_the_reason(stage):
    stage.soc.outcomes = [Rejected("Slack says no_service: the webhook is gone")]
    id = stage.receive()
    stage.run()
    assert [message.kind for message in stage.office.sent] == ["processing_with_alarms", "undelivered"]
    (dead,) = stage.runtime.deliveries.dead_items()
    assert (dead.id, dead.reason) == (f"{id}:soc", "Slack says no_service: the webhook is gone")
    assert decoded(items.DeliverAlarm, dead.body).alarm["event"]["id"] == id
    assert stage.runtime.ledger.deliveries.get(id, "soc").state == "dead"
    stage.runtime.deliveries.revive([dead.id])
    stage.run()
    assert len(stage.soc.sent) == 2
    assert stage.runtime.ledger.deliveries.get(id, "soc").state == "delivered"


def test_a_message_to_a_dead_destination_is_tried_with_growing_pauses_and_given_up(make_stage):
    stage = make_stage(delivery={"retry_for": 3_600})
    stage.soc.outcomes = [Retry("503")] * 2_000
    id = stage.receive()
    while stage.living():
        stage.run()
        stage.forward(60)
    assert timedelta(hours=1) <= stage.moment - START < timedelta(hours=1, minutes=10)
    assert 15 < len(stage.soc.sent) < 35  # at most every five minutes, at least every two and a half
    delivery = stage.runtime.ledger.deliveries.get(id, "soc")
    assert delivery.state == "dead"
    assert delivery.reason == f"given up after {len(stage.soc.sent)} attempts: 503"


@pytest.mark.parametrize(
    ("outcome", "minutes", "verdict"),
    [
        (Delivered(), 0, Done()),
        (Rejected("no"), 0, Done()),
        (Retry("429", after=30), 15, Again(30, "429", expected=True)),
        (Retry("429", after=30), 16, Done()),
    ],
)
def test_a_best_effort_message_is_tried_for_a_quarter_of_an_hour(outcome, minutes, verdict, caplog):
    item = Item("id", b"", 1, START, "receipt")
    assert best_effort(item, outcome, "an edit", START + timedelta(minutes=minutes)) == verdict
    assert ("not tried again" in caplog.text) == (verdict == Done() and outcome != Delivered())
