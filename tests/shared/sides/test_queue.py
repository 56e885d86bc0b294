"""What every queue promises."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from shared.queues import DeadItem, Depth


def bodies(items):
    return sorted(item.body for item in items)


def test_an_item_is_claimed_once_and_then_gone(side):
    id = side.queue.put(b"\x00\xff raw bytes")
    (item,) = side.queue.claim(10, lease=60)
    assert (item.id, item.body, item.attempts) == (id, b"\x00\xff raw bytes", 1)
    assert item.added_at == datetime.fromtimestamp(side.clock(), UTC)
    assert side.queue.claim(10, lease=60) == []
    assert side.queue.done(item)
    side.clock.forward(1_000)
    assert side.queue.claim(10, lease=60) == []
    assert side.queue.depth() == Depth(0, 0, 0, 0, None)


def test_an_item_whose_worker_died_comes_again_when_its_lease_has_run_out(side):
    side.queue.put(b"a")
    (first,) = side.queue.claim(lease=60)
    side.clock.forward(59)
    assert side.queue.claim(lease=60) == []
    side.clock.forward(2)
    (second,) = side.queue.claim(lease=60)
    assert (second.id, second.body, second.attempts) == (first.id, b"a", 2)
    # The first worker was not dead but slow: its word no longer counts.
    assert not side.queue.done(first)
    assert not side.queue.retry(first, delay=0)
    assert not side.queue.dead(first, reason="late")
    assert side.queue.done(second)


def test_a_retried_item_is_due_after_its_delay(side):
    side.queue.put(b"a")
    (item,) = side.queue.claim(lease=60)
    assert side.queue.retry(item, delay=30)
    assert side.queue.claim(lease=60) == []
    assert side.queue.depth().delayed == 1
    side.clock.forward(31)
    (again,) = side.queue.claim(lease=60)
    assert again.attempts == 2


def test_a_delayed_item_waits(side):
    side.queue.put(b"later", delay=10)
    side.queue.put(b"now")
    assert bodies(side.queue.claim(10, lease=60)) == [b"now"]
    side.clock.forward(11)
    assert bodies(side.queue.claim(10, lease=60)) == [b"later"]


def test_an_id_that_is_still_queued_is_not_queued_twice(side):
    assert side.queue.put(b"first", id="event:slack") == "event:slack"
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


def test_a_claim_takes_no_more_than_its_limit_and_the_oldest_first(side):
    for number in range(5):
        side.queue.put(b"%d" % number)
        side.clock.forward(1)
    assert bodies(side.queue.claim(2, lease=60)) == [b"0", b"1"]
    assert bodies(side.queue.claim(2, lease=60)) == [b"2", b"3"]
    assert side.queue.depth() == Depth(1, 0, 4, 0, datetime.fromtimestamp(side.clock() - 5, UTC))


def test_a_dead_item_is_kept_whole_with_its_reason_and_can_be_revived(side):
    side.queue.put(b"poison", id="p")
    added = datetime.fromtimestamp(side.clock(), UTC)
    (item,) = side.queue.claim(lease=60)
    side.clock.forward(5)
    assert side.queue.dead(item, reason="Slack says no_service")
    died = datetime.fromtimestamp(side.clock(), UTC)
    assert side.queue.claim(lease=60) == []
    assert side.queue.depth().dead == 1
    assert side.queue.dead_items() == [DeadItem("p", b"poison", 1, added, died, "Slack says no_service")]
    assert side.queue.revive("p")
    assert not side.queue.revive("p")
    (item,) = side.queue.claim(lease=60)
    assert (item.body, item.attempts) == (b"poison", 1)
    assert side.queue.dead_items() == []


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
