"""A destination gets more alarms than it accepts: people read a digest, and no alarm is lost."""

from __future__ import annotations

import itertools
import threading

import pytest

from receiver.destinations.contract import Rejected, Retry
from receiver.messages.message import Message
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.worker import work
from tests.queue_items import decoded

SLOW = {"type": "slack", "webhook_url": "env:A", "pace": 1 / 60}  # ten in ten minutes


@pytest.fixture
def slow(make_stage):
    return make_stage(destinations={"soc": SLOW, "office": SLOW}, default=["soc"])


def suspicious(stage, evidence, count=1):
    text = b"%d suspicious severity events detected in project id 3 evidence id %d."
    return stage.receive(text % (count, evidence))


def malicious(stage, evidence):
    return stage.receive(b"5 high severity alarms detected in project id 3 evidence id %d." % evidence)


def digests(stage):
    return [message for message in stage.soc.sent if message.kind == "digest"]


def own(stage):
    return [message.id for message in stage.soc.sent if message.kind != "digest"]


def settled(stage, ids):
    """Checks that every alarm was told exactly once. Returns the digest of each alarm that was in one."""
    deliveries = [stage.runtime.ledger.deliveries.get(id, "soc") for id in ids]
    assert {delivery.state for delivery in deliveries} == {"delivered"}
    assert stage.living() == 0
    assert stage.runtime.deliveries.depth().dead == 0
    told = [delivery.ref for delivery in deliveries if delivery.ref.startswith("digest-")]
    assert len(own(stage)) == len(set(own(stage)))
    assert {d.event_id for d in deliveries if not d.ref.startswith("digest-")} == set(own(stage))
    return told


def test_the_text_of_a_digest(slow):
    slow.enricher.instance = None
    ids = [suspicious(slow, evidence=1 + number % 12, count=1 + number) for number in range(48)]
    slow.run()
    slow.run_all(step=30)
    (digest,) = digests(slow)
    assert digest.title == "37 more alarms in 12 systems, the worst first"
    assert digest.summary == "They came faster than soc takes messages, so they share this one."
    assert (digest.severity, digest.lines_total, len(digest.lines)) == (Severity.SUSPICIOUS, 12, 12)
    assert digest.lines[0].text == (
        f"Update: 48 suspicious events in project 3, evidence 12 (event {ids[47]}), and 3 more alarms"
    )
    assert len(own(slow)) == 11  # one at once, and ten within ten minutes
    assert settled(slow, ids) == [digest.id] * 37


def test_malicious_alarms_keep_their_own_message_ahead_of_the_rest(slow):
    ids = [suspicious(slow, evidence) for evidence in range(1, 31)]
    slow.run()
    urgent = [malicious(slow, evidence) for evidence in range(31, 34)]
    slow.run_all(step=30)
    assert own(slow)[1:4] == urgent  # right after the one that had gone out at once
    assert sum(1 for m in slow.soc.sent if m.severity is Severity.MALICIOUS) == 3
    settled(slow, ids + urgent)


def test_huntbridges_own_events_are_not_put_into_a_digest(slow):
    ids = [suspicious(slow, evidence) for evidence in range(1, 31)]
    slow.run()
    slow.raise_event(Event("hunt_finished:weekly", HUNT_FINISHED, slow.moment, hunt_id="weekly"))
    slow.run_all(step=30)
    assert [m.id for m in slow.office.sent] == ["hunt_finished:weekly"]
    settled(slow, ids)


def test_a_long_storm_is_told_in_several_digests(slow):
    ids = []
    for minute in range(60):
        ids += [suspicious(slow, evidence=10 * minute + number) for number in range(1, 5)]
        slow.run()
        slow.forward(60)
    slow.run_all(step=30)
    told = settled(slow, ids)
    assert len(own(slow)) + len(told) == 240
    assert len(slow.soc.sent) <= 60 + 12
    assert sum(int(m.title.split()[0]) for m in digests(slow)) == len(told)


def test_a_digest_that_is_refused_is_kept_and_can_be_sent_again(slow):
    slow.enricher.instance = None  # each evidence is a case of its own
    ids = [suspicious(slow, evidence) for evidence in range(1, 31)]
    slow.run()
    slow.soc.outcomes = []
    real = slow.soc.deliver
    slow.soc.deliver = lambda message, case: (
        Rejected("no_service") if message.kind == "digest" else real(message, case)
    )
    slow.run_all(step=30)
    (dead,) = slow.runtime.deliveries.dead_items()
    assert decoded(items.DeliverDigest, dead.body).digest_id == dead.id.removesuffix(":soc")
    assert slow.office.sent[-1].title == "1 message could not be delivered to soc"
    slow.soc.deliver = real
    slow.runtime.deliveries.revive([dead.id])
    slow.run_all(step=30)
    assert digests(slow)[0].title == "19 more alarms in 19 systems, the worst first"
    settled(slow, ids)


def test_a_digest_without_an_answer_says_that_it_may_be_a_repeat(slow):
    slow.enricher.instance = None  # each evidence is a case of its own
    ids = [suspicious(slow, evidence) for evidence in range(1, 31)]
    slow.run()
    real = slow.soc.deliver
    lost: list[Message] = []

    def deliver(message, case):
        outcome = real(message, case)
        if message.kind == "digest" and not lost:
            lost.append(message)
            return Retry("no answer", ambiguous=True)
        return outcome

    slow.soc.deliver = deliver
    slow.run_all(step=30)
    assert [(m.title, m.maybe_repeat) for m in digests(slow)] == [
        ("19 more alarms in 19 systems, the worst first", False),
        ("19 more alarms in 19 systems, the worst first", True),
    ]
    settled(slow, ids)


@pytest.mark.parametrize("seed", range(12))
def test_crashes_while_digests_are_filled_lose_nothing(slow, monkeypatch, seed):
    """A worker dies at every 25th write, again and again, until all is done."""
    ids = [suspicious(slow, evidence) for evidence in range(1, 21)]
    while work(slow.runtime.events, slow.work.event, lease=60):
        pass
    writes, real = itertools.count(seed), slow.database.write

    def write(change, **durable):
        if next(writes) % 25 == 24:
            raise KeyboardInterrupt
        return real(change, **durable)

    monkeypatch.setattr(slow.database, "write", write)
    while slow.living():
        try:
            slow.run()
        except KeyboardInterrupt:
            slow.work = slow.worker()
        slow.forward(20)
    monkeypatch.setattr(slow.database, "write", real)
    deliveries = [slow.runtime.ledger.deliveries.get(id, "soc") for id in ids]
    assert {delivery.state for delivery in deliveries} == {"delivered"}
    told = {d.event_id for d in deliveries if d.ref.startswith("digest-")}
    sent = [(m.id, m.maybe_repeat) for m in slow.soc.sent]
    for id in {id for id, _ in sent}:
        assert sent.count((id, False)) == 1  # every repeat is marked
    assert {id for id, _ in sent if not id.startswith("digest-")} == set(ids) - told
    assert {m.title for m in digests(slow) if not m.maybe_repeat} >= {
        m.title for m in digests(slow) if m.maybe_repeat
    }
    assert sum(int(m.title.split()[0]) for m in digests(slow) if not m.maybe_repeat) == len(told)


def test_many_workers_that_fill_digests_at_once_lose_nothing(slow):
    ids = [suspicious(slow, evidence) for evidence in range(1, 101)]
    while work(slow.runtime.events, slow.work.event, lease=60):
        pass
    workers = [slow.worker() for _ in range(6)]

    def drain(worker):
        for _ in range(40):
            work(slow.runtime.deliveries, worker.delivery, lease=600)

    threads = [threading.Thread(target=drain, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slow.run_all(step=30)
    told = settled(slow, ids)
    assert sum(int(m.title.split()[0]) for m in digests(slow)) == len(told)
