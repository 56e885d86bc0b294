"""The alarms of one machine's disks are one message on both sides, and a worker that is killed between any
two steps loses none of them.

The time is simulated on both sides. On AWS the items come to the function as records of SQS.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from receiver.assemble import handlers
from receiver.destinations.contract import Traits
from shared.models.deliveries import DeliveryState
from shared.queues import items
from shared.storage.ledger.deliveries import Deliveries
from tests.shared.sides.destination import Tool
from tests.shared.sides.test_outage import Aws, Enricher, OneMachine, World


class Channel(Tool):
    traits = Traits(gathers=True)


@pytest.fixture(params=["sqlite", pytest.param("aws", marks=pytest.mark.slow)])
def world(request, tmp_path, monkeypatch) -> Iterator[World]:
    if request.param == "aws":
        world: World = Aws(request.getfixturevalue("moto_clients"), monkeypatch)
    else:
        world = OneMachine(tmp_path, monkeypatch)
    world.chat = Channel()
    world.room = handlers(world.runtime, Enricher(), {"soc": world.chat})
    yield world
    if isinstance(world, OneMachine):
        world.database.close()


def receive(world: World, evidence: int) -> str:
    text = b"3 high severity alarms detected in project id 3 evidence id %d." % evidence
    body = b'{"event": "high_severity_alarm", "message": "%s"}' % text
    return world.runtime.events.put(items.encode(items.Webhook(body, world.runtime.now())))


def told(world: World) -> list[list[int]]:
    facts = [
        [fact.value for fact in message.facts if fact.label == "Evidence"] for message in world.chat.sent
    ]
    return [sorted(int(value.split(":")[0].removeprefix("id ")) for value in values) for values in facts]


def test_three_disks_are_one_message(world):
    ids = [receive(world, evidence) for evidence in (4, 5, 6)]
    world.turn()
    assert world.chat.sent == []
    world.now += 4
    world.turn()
    assert world.chat.sent == []
    for _ in range(4):
        world.now += 1
        world.turn()
    assert told(world) == [[4, 5, 6]]
    deliveries = world.runtime.ledger.deliveries
    assert {deliveries.get(id, "soc").state for id in ids} == {DeliveryState.DELIVERED}
    assert world.runtime.deliveries.depth().living == 0


@pytest.mark.parametrize(
    ("world", "number"),
    [
        *(("sqlite", number) for number in range(16)),
        *(pytest.param("aws", number, marks=pytest.mark.slow) for number in (5, 8)),
    ],
    indirect=["world"],
)
def test_a_worker_that_is_killed_at_a_step_loses_nothing(world, monkeypatch, number):
    """The worker is killed before or after its step with this number in the record of deliveries."""
    steps = itertools.count()

    def dying(step):
        def die(*args, **fields):
            at = next(steps)
            if at == 2 * (number // 2) and number % 2:
                raise MemoryError("killed before the step")
            result = step(*args, **fields)
            if at == 2 * (number // 2):
                raise MemoryError("killed after the step")
            return result

        return die

    for name in ("start", "join", "end", "save"):
        monkeypatch.setattr(Deliveries, name, dying(getattr(Deliveries, name)))
    for evidence in (4, 5, 6):
        receive(world, evidence)
    for _ in range(30):
        world.turn()
        world.now += 20
    found = [
        evidence
        for message, evidences in zip(world.chat.sent, told(world), strict=True)
        for evidence in evidences
        if not message.maybe_repeat
    ]
    assert sorted(found) == [4, 5, 6]
    assert world.runtime.deliveries.depth().living == 0
