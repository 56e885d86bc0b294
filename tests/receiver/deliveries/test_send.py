"""The order of a send, and the time that it may take."""

from __future__ import annotations

import pytest

from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.queues import leases
from shared.queues.ports import Again, Done
from shared.queues.worker import work


def test_after_a_crash_between_sending_and_recording_the_repeat_is_marked(stage):
    stage.soc.outcomes = [KeyboardInterrupt()]  # the process died after the bytes had left
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    stage.run()
    assert len(stage.soc.sent) == 1  # its lease has not run out yet
    stage.forward(61)
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True]
    assert [message.maybe_repeat for message in stage.office.sent] == [False]
    assert stage.living() == 0


def test_a_send_leaves_the_ledger_time_to_record_the_outcome(stage):
    left = []

    def slow(message, case):
        left.append(remaining(1e9))
        raise DeadlineExceeded

    stage.soc.deliver = slow
    id = stage.receive()
    stage.run()
    assert left[0] <= leases.DELIVERY - leases.MARGIN - leases.RECORDING
    delivery = stage.runtime.ledger.deliveries.get(id, "soc")
    assert (delivery.state, delivery.in_doubt) == ("unsure", True)  # one of its requests may have arrived
    assert delivery.reason == "it took longer than a delivery may"
    assert stage.runtime.deliveries.depth().dead == 0


def test_with_too_little_time_left_nothing_is_sent_and_nothing_is_in_doubt(stage):
    stage.soc.thread = True
    id = stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    for item in stage.runtime.deliveries.claim(2, lease=60):
        with within(leases.RECORDING + leases.SHORTEST_SEND - 1):
            verdict = stage.work.delivery(item)
        assert isinstance(verdict, Again)
        assert stage.runtime.ledger.deliveries.get(id, item.id.rpartition(":")[2]).state == "pending"
        assert stage.work.delivery(item) == Done()  # and at once when there is time again
    assert [message.maybe_repeat for message in stage.soc.sent + stage.office.sent] == [False, False]
