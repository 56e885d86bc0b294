"""What only the queue on SQLite does: it follows a clock that was set back, and puts urgent items first."""

from __future__ import annotations

import pytest

from shared.local.database import Database
from shared.local.queue import SqliteQueue


@pytest.mark.parametrize("step", [60, 3_600, 86_400 * 3650])
def test_a_clock_that_is_set_back_makes_nothing_wait(database, step, wall):
    queue = SqliteQueue(database, "deliveries", wall)
    queue.put(b"ready", id="ready")
    queue.put(b"delayed", id="delayed", delay=300)
    queue.put(b"leased", id="leased")
    queue.put(b"retried", id="retried")
    held = {item.id: item for item in queue.claim(10, lease=60)}
    queue.retry(held["ready"], delay=0)
    queue.retry(held["retried"], delay=120)
    added = held["leased"].added_at
    wall.seconds += 7  # nobody writes for a while, and then the clock is set
    wall.seconds -= step
    assert [item.id for item in queue.claim(10, lease=60)] == ["ready"]
    assert queue.claim(10, lease=60) == []  # no lease was cut short
    wall.seconds += 60
    came = queue.claim(10, lease=600)
    assert {item.id for item in came} == {"ready", "leased"}
    (leased,) = [item for item in came if item.id == "leased"]
    assert 0 <= (added - leased.added_at).total_seconds() - (step - 7) < 1  # its age is what it was
    wall.seconds += 60
    assert {item.id for item in queue.claim(10, lease=600)} == {"retried"}
    wall.seconds += 180
    assert {item.id for item in queue.claim(10, lease=600)} == {"delayed"}


def test_a_clock_that_was_ahead_for_a_moment_makes_no_item_older(database, wall):
    """One that seems to be years old would be given up at the next failure."""
    queue = SqliteQueue(database, "deliveries", wall)
    queue.put(b"before", id="before", delay=300)
    added = wall.seconds
    wall.seconds += 86_400 * 1_500
    queue.put(b"meanwhile", id="meanwhile")
    wall.seconds = added + 10
    came = {item.id: wall.seconds - item.added_at.timestamp() for item in queue.claim(10, lease=60)}
    assert came == {"before": 10, "meanwhile": 0}


def test_a_clock_that_was_set_back_while_nothing_ran(database, tmp_path, wall):
    SqliteQueue(database, "events", wall).put(b"x")
    SqliteQueue(database, "events", wall).claim(lease=30)
    wall.seconds -= 86_400
    again = Database(tmp_path / "huntbridge.db")
    queue = SqliteQueue(again, "events", wall)
    assert queue.claim(lease=30) == []
    wall.seconds += 30
    assert [item.body for item in queue.claim(lease=30)] == [b"x"]
    again.close()


def test_a_clock_that_is_corrected_by_little_moves_nothing(database, wall):
    queue = SqliteQueue(database, "events", wall)
    queue.put(b"x", delay=10)
    for _ in range(20):
        wall.seconds -= 0.4
        queue.put(b"other", delay=100)
        wall.seconds += 0.4
    wall.seconds += 9.9
    assert queue.claim(lease=30) == []
    wall.seconds += 0.2
    assert [item.body for item in queue.claim(lease=30)] == [b"x"]


def test_an_urgent_item_is_claimed_ahead_of_those_that_wait_whenever_it_is_due(database):
    queue = SqliteQueue(database, "events")
    for id in ("a", "b"):
        queue.put(b"x", id=id)
    queue.put(b"x", id="urgent", urgent=True)
    (item,) = queue.claim(lease=60)
    queue.retry(item, delay=0)
    queue.put(b"x", id="later", urgent=True, delay=60)
    assert [queue.claim(lease=60)[0].id for _ in range(3)] == ["urgent", "a", "b"]
    assert queue.claim(lease=60) == []
