"""A delivery gets its case and a turn of the rate limit, or none of them."""

from __future__ import annotations

import pytest

from receiver.assemble import case_lifecycle
from receiver.deliveries.claim import CaseClaims
from receiver.deliveries.digest import DIGEST_AFTER
from receiver.deliveries.rate_limit import Lane, RateLimiter
from receiver.deliveries.turn import TooFarAway, Turn, Turns
from shared.queues.ports import Again, Item

SLOW = {"type": "slack", "webhook_url": "env:A", "pace": 1 / 60}
JIRA = {
    "type": "jira",
    "url": "https://acme.atlassian.net",
    "email": "hunt@acme.example",
    "api_token": "env:T",
    "project": "SEC",
}


class Door:
    """`soc` accepts one message a minute; `tickets` keeps an issue for each case."""

    def __init__(self, make_stage):
        self.stage = make_stage(destinations={"soc": SLOW, "tickets": JIRA}, default=["soc"])
        runtime = self.stage.runtime
        self.stage.soc.thread = True
        self.references = runtime.ledger.case_references
        destinations = {"soc": self.stage.soc, "tickets": self.stage.office}
        self.limiter = RateLimiter(runtime.store, lambda: self.stage.moment.timestamp())
        claims = CaseClaims(self.references, case_lifecycle(runtime), destinations)
        self.turns = Turns(runtime.config.destinations, self.limiter, claims)

    def item(self, claims=1, receipt="mine"):
        return Item("e:soc", b"", claims, self.stage.moment, receipt)

    def ask(
        self,
        case_key="case",
        name="soc",
        *,
        claims=1,
        receipt="mine",
        urgent=False,
        longest_wait=DIGEST_AFTER,
    ):
        item = self.item(claims, receipt)
        return self.turns.of_alarm(item, name, case_key, urgent=urgent, longest_wait=longest_wait)

    def case_is_free(self, case_key="case"):
        return self.references.acquire(case_key, "soc", "somebody else", 60).exclusive


@pytest.fixture
def door(make_stage):
    return Door(make_stage)


def test_a_turn_comes_with_the_case(door):
    turn = door.ask()
    assert isinstance(turn, Turn)
    assert turn.claim.opens
    assert not door.case_is_free()


def test_a_delivery_waits_while_another_delivery_opens_the_case(door):
    assert isinstance(door.ask(), Turn)
    verdict = door.ask(receipt="another")
    assert isinstance(verdict, Again)
    assert verdict.reason == "another alarm of its case is on the way to soc"


def test_without_a_turn_the_case_is_given_back(door):
    assert isinstance(door.ask("first"), Turn)
    verdict = door.ask("second")
    assert verdict == Again(60.0, "soc takes no more for now", expected=True)
    assert door.case_is_free("second")


def test_an_alarm_that_would_wait_too_long_goes_into_a_digest_if_it_may(door):
    for number in range(int(DIGEST_AFTER / 60) + 1):
        door.ask(f"case {number}")
    assert door.ask("one more") == TooFarAway()
    assert door.case_is_free("one more")
    assert isinstance(door.ask("another", longest_wait=None), Again)


def test_a_rate_limit_by_case_does_not_hold_up_other_cases(door):
    door.limiter.hold(Lane("tickets busy", ()), 3_600)
    verdict = door.ask("busy", "tickets", longest_wait=DIGEST_AFTER)
    assert isinstance(verdict, Again)  # and no digest: that is sent by the rate of the destination
    assert isinstance(door.ask("quiet", "tickets"), Turn)


def test_an_edit_goes_behind_waiting_alarms(door):
    assert isinstance(door.turns.of_edit(door.item(), "soc"), Lane)
    assert door.turns.of_edit(door.item(), "soc") == 10.0
    door.stage.forward(60)
    assert isinstance(door.turns.of_edit(door.item(), "soc"), Lane)
