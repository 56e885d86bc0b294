"""The contract of `shared.queues.ports.Queue`, which every queue passes."""

from __future__ import annotations

import threading

import pytest

from shared.http.deadlines import DeadlineExceeded
from shared.queues import worker
from shared.queues.ports import Again, Dead, Depth
from shared.queues.worker import MAX_SURPRISES, work
from shared.storage.ports import StoreError, TooLarge


def bodies(items):
    return sorted(item.body for item in items)


def test_an_item_is_claimed_once_and_then_gone(side):
    id = side.queue.put(b"\x00\xff raw bytes")
    (item,) = side.queue.claim(10, lease=2 * side.unit)
    assert (item.id, item.body, item.claims) == (id, b"\x00\xff raw bytes", 1)
    assert side.same(item.added_at, side.now())
    assert side.queue.claim(10, lease=60) == []
    assert side.queue.done(item)
    side.forward(2.2 * side.unit)
    assert side.queue.claim(10, lease=60) == []
    assert side.queue.depth() == Depth(0, 0, 0, 0, None)


@pytest.mark.parametrize(
    "body", [b'{"text": "na\xc3\xafve \xf0\x9f\x94\x92\r\n"}', b"\xed\xa0\x80", b"\x0b", bytes(range(256))]
)
def test_bytes_come_out_as_they_went_in(side, body):
    if b"\xf0\x9f" in body and not side.beyond_ffff:
        pytest.skip("this emulator refuses what SQS takes")
    side.queue.put(body)
    (item,) = side.queue.claim(lease=60)
    assert item.body == body


def test_an_item_whose_worker_died_comes_again_when_its_lease_has_run_out(side):
    side.queue.put(b"a")
    (first,) = side.queue.claim(lease=side.unit)
    side.forward(0.2 * side.unit)
    assert side.queue.claim(lease=60) == []
    side.forward(side.unit)
    (second,) = side.queue.claim(lease=60)
    assert (second.id, second.body, second.claims) == (first.id, b"a", 2)
    # The first worker had not crashed but was slow: its result no longer counts.
    assert not side.queue.retry(first, delay=0)
    assert not side.queue.dead(first, reason="late")
    assert not side.queue.done(first)
    assert side.queue.done(second)
    assert side.queue.depth() == Depth(0, 0, 0, 0, None)


def test_a_retried_item_is_due_after_its_delay(side):
    side.queue.put(b"a")
    (item,) = side.queue.claim(lease=60)
    assert side.queue.retry(item, delay=side.unit)
    assert side.queue.claim(lease=60) == []
    assert (side.queue.depth().ready, side.queue.depth().living) == (0, 1)
    side.forward(1.2 * side.unit)
    (again,) = side.queue.claim(lease=60)
    assert again.claims == 2


def test_an_item_that_is_retried_without_a_delay_is_due_at_once(side):
    side.queue.put(b"a")
    (item,) = side.queue.claim(lease=60)
    assert side.queue.retry(item, delay=0)
    assert bodies(side.queue.claim(lease=60)) == [b"a"]


def test_surprises_are_counted_and_claims_are_not(side):
    """Otherwise the item stays the same, however the side stores the count."""
    id = side.queue.put(b"a", id="a")
    for _ in range(3):
        (item,) = side.queue.claim(lease=60)
        assert side.queue.retry(item, delay=0)
    added = item.added_at
    for surprises in range(3):
        (item,) = side.queue.claim(10, lease=60)
        assert (item.id, item.body, item.surprises) == (id, b"a", surprises)
        assert side.same(item.added_at, added)
        assert side.queue.retry(item, delay=side.unit, surprise=True)
        assert side.queue.claim(lease=60) == []
        side.forward(1.2 * side.unit)
    assert side.queue.depth().living == 1


def test_an_item_that_waited_long_does_not_die_of_its_first_surprise(side, monkeypatch):
    monkeypatch.setattr(worker, "backoff", lambda attempts: 0)
    side.queue.put(b"a")
    verdicts: list[Again | Exception] = [Again(0, "its turn", expected=True)] * (2 * MAX_SURPRISES)
    verdicts += [ZeroDivisionError(), Again(0, "again")] * MAX_SURPRISES

    def handler(item):
        verdict = verdicts.pop(0)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    while verdicts and side.queue.depth().living:
        assert work(side.queue, handler, lease=60) == 1
    assert verdicts == [Again(0, "again")]  # the last surprise made it a dead item
    (dead,) = side.queue.dead_items()
    assert dead.reason == "unexpected ZeroDivisionError"


def test_an_outage_does_not_count_as_a_surprise(side, monkeypatch):
    monkeypatch.setattr(worker, "backoff", lambda attempts: 0)
    side.queue.put(b"a")

    def down(item):
        raise (StoreError("the store is down"), DeadlineExceeded())[item.claims % 2]

    for _ in range(3 * MAX_SURPRISES):
        assert work(side.queue, down, lease=60) == 1
    assert (side.queue.depth().living, side.queue.depth().dead) == (1, 0)


def test_what_can_never_be_stored_is_not_tried_again(side):
    def handler(item):
        raise TooLarge("the hunt weekly takes 99,000 KB")

    side.queue.put(b"a")
    work(side.queue, handler, lease=60)
    (dead,) = side.queue.dead_items()
    assert dead.reason == "the hunt weekly takes 99,000 KB"


def test_a_delayed_item_waits(side):
    side.queue.put(b"later", delay=side.unit)
    side.queue.put(b"now")
    assert bodies(side.queue.claim(10, lease=60)) == [b"now"]
    assert side.queue.depth().delayed == 1
    side.forward(1.2 * side.unit)
    assert bodies(side.queue.claim(10, lease=60)) == [b"later"]


def test_an_item_has_the_id_that_it_was_put_with(side):
    assert side.queue.put(b"a", id="event:slack") == "event:slack"
    (item,) = side.queue.claim(lease=60)
    assert item.id == "event:slack"


def test_an_id_that_is_still_queued_is_not_queued_twice(side):
    if not side.deduplicates:
        pytest.skip("this side knows nothing of ids")
    side.queue.put(b"first", id="event:slack")
    side.queue.put(b"second", id="event:slack")
    (item,) = side.queue.claim(10, lease=60)
    assert item.body == b"first"
    side.queue.put(b"third", id="event:slack")  # also while it is claimed
    assert side.queue.claim(10, lease=60) == []
    side.queue.done(item)
    side.queue.put(b"fourth", id="event:slack")
    assert bodies(side.queue.claim(10, lease=60)) == [b"fourth"]


def test_queues_do_not_mix(side):
    side.queue.put(b"event", id="1")
    side.other_queue.put(b"delivery", id="1")
    assert bodies(side.queue.claim(10, lease=60)) == [b"event"]
    assert bodies(side.other_queue.claim(10, lease=60)) == [b"delivery"]


def test_a_claim_takes_no_more_than_its_limit(side):
    began = side.now()
    for number in range(5):
        side.queue.put(b"%d" % number)
        if side.in_order:
            side.forward(1)
    claims = [bodies(side.queue.claim(2, lease=60)) for _ in range(2)]
    assert [len(claim) for claim in claims] == [2, 2]
    if side.in_order:
        assert claims == [[b"0", b"1"], [b"2", b"3"]]
    depth = side.queue.depth()
    assert (depth.ready, depth.delayed, depth.leased, depth.dead) == (1, 0, 4, 0)
    assert depth.oldest == (began if side.tells_oldest else None)
    claims.append(bodies(side.queue.claim(2, lease=60)))
    assert sorted(body for claim in claims for body in claim) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_dead_item_is_kept_whole_with_its_reason_and_can_be_revived(side):
    added = side.now()
    for id in ("p", "q"):
        side.queue.put(f"poison {id}\0".encode(), id=id)
    items = {item.id: item for item in side.queue.claim(10, lease=60)}
    side.forward(side.unit)
    died = side.now()
    assert side.queue.dead(items["p"], reason="Slack says no_service")
    assert side.queue.dead(items["q"], reason="")
    assert side.queue.claim(10, lease=60) == []
    assert side.queue.depth() == Depth(0, 0, 0, 2, None)
    for _ in range(2):  # listing them changes nothing
        dead = {item.id: item for item in side.queue.dead_items()}
        assert sorted(dead) == ["p", "q"]
    assert len(side.queue.dead_items(1)) == 1
    poison = dead["p"]
    assert (poison.body, poison.claims, poison.reason) == (b"poison p\0", 1, "Slack says no_service")
    assert side.same(poison.added_at, added)
    assert side.same(poison.died_at, died)
    assert dead["q"].reason == ""
    assert side.queue.revive(["p", "never there"]) == ["p"]
    assert side.queue.revive(["p"]) == []
    (item,) = side.queue.claim(10, lease=60)
    assert (item.id, item.body, item.claims) == ("p", b"poison p\0", 1)
    assert [item.id for item in side.queue.dead_items()] == ["q"]


def test_a_discarded_item_is_gone_for_good(side):
    for id in ("p", "q"):
        side.queue.put(b"x", id=id)
    for item in side.queue.claim(10, lease=60):
        side.queue.dead(item, reason="gone")
    assert side.queue.discard(["p", "never there"]) == ["p"]
    assert side.queue.discard(["p"]) == []
    assert side.queue.revive(["p"]) == []
    assert [item.id for item in side.queue.dead_items()] == ["q"]
    assert (side.queue.depth().living, side.queue.depth().dead) == (0, 1)


def test_many_dead_items_are_revived_at_once(side):
    for number in range(25):
        side.queue.put(b"x", id=f"{number}")
    items = [item for _ in range(3) for item in side.queue.claim(10, lease=60)]
    for item in items:
        side.queue.dead(item, reason="gone")
    wanted = [f"{number}" for number in range(20)]
    assert sorted(side.queue.revive(wanted)) == sorted(wanted)
    assert (side.queue.depth().ready, side.queue.depth().dead) == (20, 5)


def test_workers_that_race_never_hold_the_same_item(side):
    for number in range(60):
        side.queue.put(b"%d" % number)
    claimed: list[bytes] = []

    def worker() -> None:
        while items := side.queue.claim(3, lease=60):
            for item in items:
                claimed.append(item.body)
                assert side.queue.done(item)

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == [b"%d" % number for number in range(60)]


def test_a_reason_with_half_a_character_is_kept(side):
    """An error may quote what a peer sent."""
    side.queue.put(b"x", id="x")
    assert work(side.queue, lambda _: Dead("Slack says \ud83d"), lease=60) == 1
    assert [item.reason for item in side.queue.dead_items(10)] == ["Slack says "]
