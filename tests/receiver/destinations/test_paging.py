"""A case, from its alarm to its closing, at PagerDuty and at Jira Service Management: simulated services over
real sockets, with the real queues and the real ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.base import app_of
from demo.jsm.simulation import DEMO_KEY as GENIE_KEY
from demo.jsm.simulation import Jsm, stands
from demo.pagerduty.simulation import DEMO_KEY as ROUTING_KEY
from demo.pagerduty.simulation import PagerDuty
from demo.serving import serving
from receiver import assemble
from receiver.destinations.jsm.destination import JsmDestination
from receiver.destinations.pagerduty.destination import PagerDutyDestination
from shared.config.destinations.jsm import JsmConfig
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.http.client import Http
from shared.models.decisions import Verdict
from shared.models.people import Person
from shared.secrets import Secret
from tests.receiver.conftest import Enricher, Stage

CASE = "system/i-0aaaaaaaaaaaaaaa1/1"  # the first case of the system of every alarm
ADA = Person("ada", "console")
WHERE = "on web-01 (i-0aaaaaaaaaaaaaaa1)"


@dataclass
class OnCall:
    """A stage with both services as destinations of every alarm."""

    stage: Stage
    pagerduty: PagerDuty
    jsm: Jsm
    waits: list[float]

    def alarm(self, malicious: int = 5, *, run: bool = True) -> None:
        text = b"%d high severity alarms in project id 3 evidence id 4" % malicious
        self.stage.receive(b'{"event": "high_severity_alarm", "message": "%s"}' % text)
        self.done(run)

    def done(self, run: bool = True) -> None:
        if run:
            self.stage.run_all()
            self.stage.forward(60)
            self.assert_nothing_was_refused()

    @property
    def decide(self) -> Any:
        return assemble.case_decisions(self.stage.runtime)

    def state(self) -> tuple[list[str], list[str]]:
        """How the incidents and the alerts stand, oldest first."""
        return [i.status for i in self.pagerduty.incidents], [stands(a) for a in self.jsm.alerts]

    def pages(self) -> tuple[int, int]:
        """How often somebody was paged by each."""
        return len(self.pagerduty.pages), len(self.jsm.pages)

    def assert_nothing_was_refused(self) -> None:
        deliveries = self.stage.runtime.deliveries
        assert [item.reason for item in deliveries.dead_items()] == []


@pytest.fixture
def world(make_stage: Callable[..., Stage]) -> Iterator[OnCall]:
    pagerduty, jsm, waits = PagerDuty(), Jsm(), list[float]()
    with serving(app_of(pagerduty, jsm)) as origin:
        sections = {
            "pager": {"type": "pagerduty", "routing_key": "env:R", "url": origin},
            "on-call": {"type": "jsm", "api_key": "env:G", "url": origin},
        }
        stage = make_stage(destinations=sections, default=list(sections))
        pagerduty.now = jsm.now = lambda: stage.moment.timestamp()
        stage.tools = {
            "pager": PagerDutyDestination(
                "pager", PagerDutyConfig(**sections["pager"]), Http(), Secret(ROUTING_KEY)
            ),
            "on-call": JsmDestination(
                "on-call", JsmConfig(**sections["on-call"]), Http(), Secret(GENIE_KEY), sleep=waits.append
            ),
        }
        stage.work = stage.worker()
        yield OnCall(stage, pagerduty, jsm, waits)


def test_a_case_is_one_incident_and_one_alert_and_stands_there_as_it_stands_here(world: OnCall) -> None:
    world.alarm()
    assert world.state() == (["triggered"], ["open"])
    (incident,), (alert,) = world.pagerduty.incidents, world.jsm.alerts
    assert incident.key == CASE
    assert incident.event["payload"]["summary"].startswith(f"5 high severity alarms {WHERE}. ")
    assert incident.event["payload"]["severity"] == "critical"
    assert alert.body["message"] == f"5 high severity alarms {WHERE}"
    assert alert.body["priority"] == "P1"
    assert alert.body["details"]["Case"] == CASE

    world.alarm(9)
    assert world.state() == (["triggered"], ["open"])
    assert len(incident.log) == 2
    ((_, note),) = alert.notes
    assert note.startswith(f"▲ Update: 9 high severity alarms {WHERE}")

    world.decide.acknowledge(CASE, ADA)
    world.done()
    assert world.state() == (["acknowledged"], ["acknowledged"])
    assert alert.notes[-1][1] == f"Taken by ada: 9 malicious {WHERE}"

    world.decide.release(CASE, ADA)
    world.done()
    assert incident.log[-1][1].startswith(f"Given back by ada: 9 malicious {WHERE}")
    assert alert.notes[-1][1].startswith(f"▲ Given back by ada: 9 malicious {WHERE}")
    assert world.state() == (["acknowledged"], ["acknowledged"])  # neither can give an incident back

    world.decide.close(CASE, ADA, Verdict.BENIGN, "A test of ours")
    world.done()
    assert world.state() == (["resolved"], ["closed"])
    assert "Closed as benign by ada" in alert.notes[-1][1]

    world.decide.reopen(CASE, ADA)
    world.done()
    assert world.state() == (["resolved", "triggered"], ["closed", "open"])
    assert world.pagerduty.incidents[-1].key == CASE
    assert world.jsm.alerts[-1].body["message"] == f"Reopened by ada: 9 malicious {WHERE}"
    assert "\nInstance: i-0aaaaaaaaaaaaaaa1\n" in world.jsm.alerts[-1].body["description"]
    assert world.pages() == (2, 2)
    assert world.pagerduty.refused == world.jsm.refused == []


def test_a_new_alarm_of_a_closed_case_pages_again(world: OnCall) -> None:
    world.alarm()
    world.decide.close(CASE, ADA, Verdict.TRUE_POSITIVE, "An attack")
    world.done()
    world.alarm(9)
    assert world.state() == (["resolved", "triggered"], ["closed", "open"])
    assert world.pages() == (2, 2)


def test_an_incident_that_a_person_ended_there_is_opened_by_the_next_alarm(world: OnCall) -> None:
    world.alarm()
    world.pagerduty.incidents[0].status = "resolved"
    world.jsm.alerts[0].status = "closed"
    world.alarm(9)
    assert world.pages() == (2, 2)
    assert world.jsm.alerts[1].notes == []  # a new alert says it all itself
    world.alarm(10)
    assert world.pages() == (2, 2)
    assert [len(alert.notes) for alert in world.jsm.alerts] == [0, 1]


def test_an_alarm_that_arrives_after_the_case_was_taken_is_acknowledged_there_too(world: OnCall) -> None:
    for tool in (world.pagerduty, world.jsm):
        tool.outage = "unavailable"
    world.alarm(run=False)
    world.stage.run()
    world.decide.acknowledge(CASE, ADA)
    world.stage.run()
    for tool in (world.pagerduty, world.jsm):
        tool.outage = ""
    world.done()
    assert world.state() == (["acknowledged"], ["acknowledged"])


def test_an_alarm_that_arrives_after_the_case_was_closed_pages_nobody(world: OnCall) -> None:
    for tool in (world.pagerduty, world.jsm):
        tool.outage = "cut"
    world.alarm(run=False)
    world.stage.run()
    world.decide.close(CASE, ADA, Verdict.BENIGN, "A test of ours")
    world.stage.run()
    for tool in (world.pagerduty, world.jsm):
        tool.outage = ""
    world.done()
    assert world.pages() == (0, 0)
    (delivery,) = {
        world.stage.runtime.ledger.deliveries.get(event.id, "pager").note
        for event in world.stage.runtime.ledger.events.of_project(3)
        if event.kind == "high_severity_alarm"
    }
    assert delivery == "the case was closed since, so nobody was paged"


@pytest.mark.parametrize("first", ["acknowledge", "close"])
def test_a_late_decision_does_not_undo_a_newer_one(world: OnCall, first: str) -> None:
    world.alarm()
    for tool in (world.pagerduty, world.jsm):
        tool.outage = "unavailable"
    if first == "close":
        world.decide.close(CASE, ADA, Verdict.BENIGN, "A test of ours")
        world.stage.run()
        world.decide.reopen(CASE, ADA)
    else:
        world.decide.acknowledge(CASE, ADA)
        world.stage.run()
        world.decide.release(CASE, ADA)
    world.stage.run()
    for tool in (world.pagerduty, world.jsm):
        tool.outage = ""
    world.done()
    assert world.state() == (["triggered"], ["open"])


def test_an_alert_that_is_processed_late_is_asked_for_again(world: OnCall) -> None:
    world.jsm.slow = 3
    world.alarm()
    assert world.waits == [0.5, 1.0, 2.0]
    assert world.state()[1] == ["open"]
    delivery = world.stage.runtime.ledger.deliveries.get(alarm_id(world), "on-call")
    assert (delivery.ref, delivery.note, delivery.attempts) == (world.jsm.alerts[0].id, "", 1)


def test_an_alert_that_is_not_processed_is_created_once_more_and_no_more(world: OnCall) -> None:
    world.jsm.slow = 1_000
    world.alarm()
    delivery = world.stage.runtime.ledger.deliveries.get(alarm_id(world), "on-call")
    assert delivery.attempts == 2
    assert delivery.note == "the outcome is not known: not processed yet"
    (alert,) = world.jsm.alerts
    assert alert.count == 2
    world.jsm.slow = 0
    world.alarm(9)
    assert len(alert.notes) == 1


def test_a_key_that_may_not_ask_what_became_of_an_alert_is_enough(world: OnCall) -> None:
    world.jsm.may_ask = False
    world.alarm()
    world.alarm(9)
    delivery = world.stage.runtime.ledger.deliveries.get(alarm_id(world), "on-call")
    assert delivery.attempts == 1
    assert delivery.note == "the outcome is not known: the key may not ask (answered 403)"
    (alert,) = world.jsm.alerts
    assert len(alert.notes) == 1


@pytest.mark.slow
def test_a_storm_at_the_vendors_pace_is_never_refused(world: OnCall) -> None:
    world.stage.enricher = Enricher(instance=None)  # each alarm is a case of its own
    world.stage.work = world.stage.worker()
    for number in range(5, 135):
        body = b'{"event": "high_severity_alarm", "message": "5 high severity alarms in project id %d"}'
        world.stage.receive(body % number)
    world.done()
    assert world.pages() == (130, 130)
    assert world.pagerduty.refused == world.jsm.refused == []


def alarm_id(world: OnCall) -> str:
    events = world.stage.runtime.ledger.events.of_project(3)
    return next(event.id for event in events if event.kind == "high_severity_alarm")
