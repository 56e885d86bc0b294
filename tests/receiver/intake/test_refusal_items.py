"""Refused webhooks on AWS: the web function counts them, and the workers enter the counts into the ledger."""

from __future__ import annotations

import pytest

from receiver.intake.refusal_items import MOST, RefusalItems
from shared.queues import items
from shared.queues.ports import Done, QueueError
from shared.storage.ledger.refusals import REFUSED, in_a_day

WRONG, LARGE = "The token is missing or wrong.", "The body is larger than 256 KiB."


@pytest.fixture
def refused(stage):
    return RefusalItems(stage.runtime.events, lambda: stage.moment)


def work_off(stage):
    """Handle what is in the queue. Returns how many items there were."""
    events, handle = stage.runtime.events, stage.worker().event
    claimed = events.claim(100, lease=60)
    for item in claimed:
        assert isinstance(items.decode(item.body), items.RefusedWebhooks)
        assert handle(item) == Done()
        events.done(item)
    return len(claimed)


def counted(stage):
    found = in_a_day(stage.runtime.store.get(*REFUSED), stage.moment)
    return [(each.status, each.count, each.sender) for each in found]


def test_a_few_refusals_are_counted_exactly(stage, refused):
    for sender in ("203.0.113.7", "203.0.113.8"):
        refused(401, WRONG, sender)
    refused(413, LARGE, "203.0.113.9")
    assert work_off(stage) == 3
    assert sorted(counted(stage)) == [(401, 2, "203.0.113.8"), (413, 1, "203.0.113.9")]


def test_a_flood_makes_few_items_and_none_of_it_is_lost_when_it_goes_on(stage, refused):
    for _ in range(1_000):
        refused(401, WRONG, "203.0.113.7")
    assert work_off(stage) == MOST
    stage.forward(120)
    refused(401, WRONG, "203.0.113.7")
    assert work_off(stage) == 1
    assert counted(stage) == [(401, 1_001, "203.0.113.7")]


def test_what_could_not_be_stored_is_counted_with_the_next_refusal(stage, refused):
    refused(503, "The event could not be stored; send it again later.", "203.0.113.7")
    assert work_off(stage) == 0
    refused(401, WRONG, "203.0.113.8")
    assert work_off(stage) == 1
    assert sorted(counted(stage)) == [(401, 1, "203.0.113.8"), (503, 1, "203.0.113.7")]


def test_a_queue_that_cannot_be_written_does_not_change_the_answer(stage, refused, monkeypatch, caplog):
    def broken(*_, **__):
        raise QueueError("no answer")

    monkeypatch.setattr(stage.runtime.events, "put", broken)
    refused(401, WRONG, "203.0.113.7")
    assert "refused webhooks not counted" in caplog.text
    assert "webhook refused" in caplog.text
