"""An edit of the message about a case waits for all alarms, and is given up after a while."""

from __future__ import annotations

from receiver.deliveries.rate_limit import Lane, RateLimiter
from shared.queues import items
from tests.receiver.world import CASE, buttons


def test_an_edit_waits_for_all_alarms_and_is_given_up_after_a_while(make_world):
    world = make_world(["ir", "tickets"], pace=0.1)  # one message in ten seconds
    world.alarm()
    assert buttons(world.parent)[-1] == "Open SEC-1 in Jira"

    refreshed = [post.edits for post in world.slack.posts]
    world.stage.runtime.deliveries.put(items.encode(items.RefreshCase("ir", CASE)), id="refresh")
    limiter = RateLimiter(world.stage.runtime.store, world.seconds)
    for _ in range(100):
        limiter.turn(Lane("ir", ((1, 10.0),)), urgent=True, waited=False)
        world.stage.run()
        world.stage.forward(10)
    assert world.stage.living() == 0  # a quarter of an hour is over
    assert [post.edits for post in world.slack.posts] == refreshed
