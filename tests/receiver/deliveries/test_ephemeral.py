"""An answer to one person is shown once."""

from __future__ import annotations

from dataclasses import replace

from receiver.destinations.contract import Delivered
from shared.queues import items
from shared.queues.ports import Again, Done


def test_an_ephemeral_answer_that_is_handled_twice_is_shown_once(stage):
    said = []

    def send_ephemeral(to, text, links):
        said.append(text)
        # As SQS may, while the first worker is at it. The chat has one place in each process.
        assert isinstance(second.delivery(replace(item, receipt="of the second")), Again)
        return Delivered()

    stage.soc.send_ephemeral = send_ephemeral
    second = stage.worker()
    id = stage.runtime.deliveries.put(items.encode(items.Ephemeral("soc", "C", "U", "taken already")))
    (item,) = stage.runtime.deliveries.claim(lease=60)
    assert item.id == id
    assert stage.work.delivery(item) == Done()
    assert second.delivery(replace(item, claims=2)) == Done()
    assert said == ["taken already"]
