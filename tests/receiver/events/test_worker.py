"""The events worker: what is done once, what is done again, and what goes where."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from shared.models.codec import dump
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.events import Event
from shared.queues import items

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WEB_01 = "i-0aaaaaaaaaaaaaaa1"


def test_a_webhook_becomes_one_message_per_destination(stage):
    id = stage.receive()
    stage.run()
    for tool in (stage.soc, stage.office):
        (message,) = tool.sent
        assert (message.id, message.title, message.maybe_repeat) == (
            id,
            "5 alarms on web-01 (i-0aaaaaaaaaaaaaaa1)",
            False,
        )
    assert stage.living() == 0
    assert stage.runtime.ledger.events.routed_to(id) == ["soc", "office"]
    assert [d.state for d in stage.runtime.ledger.deliveries.of_event(id)] == ["delivered", "delivered"]
    assert stage.runtime.ledger.instance_names.get(WEB_01) == "web-01"  # for the hunt's report
    (record,) = stage.runtime.ledger.events.of_project(3)
    assert (record.id, record.kind, record.to) == (id, "processing_with_alarms", ("soc", "office"))


def test_an_own_event_is_routed(stage):
    event = Event("hunt_finished:weekly", HUNT_FINISHED, START, hunt_id="weekly")
    stage.runtime.events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
    stage.run()
    assert (len(stage.soc.sent), len(stage.office.sent)) == (0, 1)


def test_an_event_that_comes_again_under_its_id_is_not_routed_again(stage):
    event = Event("hunt_finished:weekly", HUNT_FINISHED, START, hunt_id="weekly")
    for _ in range(2):
        stage.runtime.events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
        stage.run()
    assert len(stage.office.sent) == 1


@pytest.mark.parametrize("writes_before_the_crash", range(6))
def test_a_worker_that_dies_while_it_enqueues_loses_and_repeats_nothing(
    stage, monkeypatch, writes_before_the_crash
):
    id = stage.receive()
    (item,) = stage.runtime.events.claim(lease=60)
    writes = itertools.count()
    real = stage.database.write

    def write(change, **durable):
        if next(writes) == writes_before_the_crash:
            raise KeyboardInterrupt  # what no handler catches: the process is gone
        return real(change, **durable)

    monkeypatch.setattr(stage.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        stage.work.event(item)
    monkeypatch.setattr(stage.database, "write", real)
    stage.run()  # deliveries that were queued before the crash go out
    stage.forward(61)
    stage.run()
    for tool in (stage.soc, stage.office):
        assert [message.id for message in tool.sent] == [id]
    assert stage.living() == 0
