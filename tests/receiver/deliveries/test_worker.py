"""Items of [deliveries] whose work fails or is cut off: none is lost."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import UTC, datetime

import pytest

from receiver.destinations.contract import Retry
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.deliveries import DeliveryState
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.worker import MAX_SURPRISES

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("writes_before_the_cut", range(19))
def test_after_a_power_cut_nothing_is_lost_and_a_repeat_says_so(stage, monkeypatch, writes_before_the_cut):
    id = stage.receive()
    real, on_disk, writes = stage.database.write, sqlite3.connect(":memory:"), itertools.count()
    stage.database._writer.backup(on_disk)

    def write(change, *, durable=True):
        if next(writes) == writes_before_the_cut:
            raise KeyboardInterrupt  # what no handler catches: the machine is off
        result = real(change, durable=durable)
        if durable:
            stage.database._writer.backup(on_disk)
        return result

    monkeypatch.setattr(stage.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    monkeypatch.setattr(stage.database, "write", real)
    on_disk.backup(stage.database._writer)  # what was not durable is gone
    for _ in range(3):
        stage.run()
        stage.forward(61)
    for tool in (stage.soc, stage.office):
        assert {message.id for message in tool.sent} == {id}
        assert all(message.maybe_repeat for message in tool.sent[1:])
        assert len(tool.sent) <= 2
    assert stage.living() == 0


def test_an_exception_in_a_destination_loses_nothing(stage, caplog):
    stage.soc.outcomes = [ZeroDivisionError()]
    stage.receive()
    stage.run()
    assert "ZeroDivisionError" in caplog.text
    stage.forward(2)
    stage.run()
    assert len(stage.soc.sent) == 2
    assert stage.living() == 0


def test_an_alarm_for_a_removed_destination_becomes_a_dead_item(stage):
    stage.runtime.deliveries.put(
        items.encode(items.DeliverAlarm("gone", dump(Alarm(Event("e", "unknown", START), Severity.UNKNOWN))))
    )
    stage.run()
    (dead,) = stage.runtime.deliveries.dead_items()
    assert dead.reason == "there is no destination 'gone' any more"
    delivery = stage.runtime.ledger.deliveries.get("e", "gone")
    assert (delivery.state, delivery.reason, delivery.in_doubt) == (DeliveryState.DEAD, dead.reason, False)


def test_a_delivery_in_doubt_whose_item_dies_is_dead_and_stays_in_doubt(stage):
    """An attempt may have arrived. If somebody revives the item, its message says that it may be a repeat."""
    stage.soc.outcomes = [
        Retry("the answer was lost", ambiguous=True),
        *[ZeroDivisionError()] * MAX_SURPRISES,
    ]
    id = stage.receive()
    for _ in range(MAX_SURPRISES + 1):
        stage.run()
        stage.forward(601)
    deliveries = stage.runtime.ledger.deliveries
    (dead,) = stage.runtime.deliveries.dead_items()
    delivery = deliveries.get(id, "soc")
    assert (delivery.state, delivery.reason) == (DeliveryState.DEAD, "unexpected ZeroDivisionError")
    assert delivery.in_doubt
    stage.soc.outcomes, before = [], len(stage.soc.sent)
    stage.runtime.deliveries.revive([dead.id])
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent[before:] if message.id == id] == [True]
    assert deliveries.get(id, "soc").state is DeliveryState.DELIVERED


def test_what_is_delivered_stays_so_if_its_item_dies_when_it_is_handled_again(stage):
    id = stage.receive()
    stage.run()
    stage.runtime.ledger.deliveries.give_up(id, "soc", "why")
    assert stage.runtime.ledger.deliveries.get(id, "soc").state is DeliveryState.DELIVERED


def test_an_item_that_cannot_be_read_is_dead(stage):
    for body in (b"no item", items.encode(items.DeliverAlarm("soc", {"no": "alarm"}))):
        stage.runtime.deliveries.put(body)
    for _ in range(MAX_SURPRISES + 1):
        stage.run()
        stage.forward(601)
    assert len(stage.runtime.deliveries.dead_items()) == 2
