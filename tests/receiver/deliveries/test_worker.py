"""Items of [deliveries] whose work fails or is cut off: none is lost."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import UTC, datetime

import pytest

from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items

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
