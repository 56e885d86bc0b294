"""Who is on duty: asked at the simulated PagerDuty over sockets, and named in the message of a malicious
alarm."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from demo.pagerduty.simulation import DEMO_TOKEN, PagerDuty
from demo.serving import serving
from receiver.assemble import duty_roster
from receiver.events.enrich import Enricher
from receiver.events.on_duty import DutyUnknown, PagerDutyRoster
from receiver.messages.compose import compose
from shared.config.config import Config
from shared.config.on_duty import PagerDutyScheduleConfig
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.models.owners import Duty
from shared.secrets import Secret, SecretError, SecretRef
from tests.receiver.conftest import START, Stage
from tests.receiver.destinations.peer import HANG, Peer, Reply
from tests.receiver.destinations.sample_alarms import ALARMS, HOSTILE
from tests.receiver.events import stubs

EIGHT = START.replace(hour=8)


def entry(
    name: str, *, schedule: str = "PI7DH85", start: str | None = None, end: str | None = None
) -> dict[str, Any]:
    return {
        "user": {"id": "PUSER", "type": "user_reference", "summary": name},
        "schedule": {"id": schedule, "summary": "Incident response"},
        "escalation_policy": {"id": "PPOLICY"},
        "escalation_level": 1,
        "start": start,
        "end": end,
    }


class Office:
    """A simulated PagerDuty, the roster that asks it, and a clock that only the test moves."""

    def __init__(self, url: str, pagerduty: PagerDuty) -> None:
        self.pagerduty, self.moment, self.token = pagerduty, START, DEMO_TOKEN
        self.asked = 0
        section = {"token": "env:TOKEN", "schedule": "PI7DH85", "url": url}
        self.roster = PagerDutyRoster(
            PagerDutyScheduleConfig.model_validate(section),
            lambda: Http(read_timeout=0.5),
            self.secret,
            lambda: self.moment,
        )

    def secret(self, ref: SecretRef) -> Secret:
        self.asked += 1
        if not self.token:
            raise SecretError("env:TOKEN: the environment variable TOKEN is not set")
        return Secret(self.token)

    def forward(self, minutes: float) -> None:
        self.moment += timedelta(minutes=minutes)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    peer.thread.start()
    yield peer
    peer.close()


@pytest.fixture
def office() -> Iterator[Office]:
    pagerduty = PagerDuty()
    with serving(pagerduty.app) as url:
        yield Office(url, pagerduty)


def test_who_is_on_duty_now_is_named_once(office: Office) -> None:
    office.pagerduty.on_call["PI7DH85"] = [
        entry("Jane Doe", start="2026-11-23T08:00:00Z", end="2026-11-24T08:00:00Z"),
        entry("Jane Doe", start="2026-11-23T08:00:00Z", end="2026-11-24T08:00:00Z"),
        entry("Jonas Weber", end="2026-11-24T12:00:00+01:00"),
        entry("Over Already", end="2026-11-24T03:00:00Z"),
        entry("Not Yet", start="2026-11-24T08:00:00Z"),
        entry("Another Team", schedule="PX12345"),
    ]
    assert office.roster.on_duty() == Duty(("Jane Doe", "Jonas Weber"), EIGHT)


def test_nobody_may_be_on_duty(office: Office) -> None:
    assert office.roster.on_duty() is None
    office.pagerduty.on_call["PI7DH85"] = [entry("Always There")]
    office.forward(5)
    assert office.roster.on_duty() == Duty(("Always There",), None)


def test_an_answer_is_kept_for_five_minutes_and_not_beyond_the_end_of_the_duty(office: Office) -> None:
    office.pagerduty.on_call["PI7DH85"] = [entry("Jane Doe", end="2026-11-24T03:07:00Z")]
    for minutes in (0, 2, 2):
        office.forward(minutes)
        office.roster.on_duty()
    assert office.asked == 1
    office.forward(2)
    office.roster.on_duty()
    assert office.asked == 2
    office.pagerduty.on_call["PI7DH85"] = [entry("Jonas Weber")]
    office.forward(1)
    assert office.roster.on_duty() == Duty(("Jonas Weber",))
    office.forward(-600)  # the clock was set back
    office.roster.on_duty()
    assert office.asked == 4


def test_a_failure_says_why_and_is_not_kept(office: Office) -> None:
    office.token = "another-token"
    with pytest.raises(DutyUnknown, match=r"does not take the key of on_duty \(answered 401\)"):
        office.roster.on_duty()
    office.token = ""
    with pytest.raises(DutyUnknown, match="TOKEN is not set"):
        office.roster.on_duty()
    office.token = DEMO_TOKEN
    office.pagerduty.fail(503)
    with pytest.raises(DutyUnknown, match="PagerDuty answered 503"):
        office.roster.on_duty()
    assert office.roster.on_duty() is None


@pytest.mark.parametrize(
    "body", ["", "<html>log in</html>", "[]", "{}", '{"oncalls": null}', '{"oncalls": {}}', "[" * 100_000]
)
def test_an_answer_that_is_not_pagerdutys_is_a_failure(body: str, peer: Peer) -> None:
    peer.answers(Reply(200, body))
    with pytest.raises(DutyUnknown, match="PagerDuty's answer was not understood"):
        Office(peer.origin, PagerDuty()).roster.on_duty()


def test_odd_entries_name_nobody(peer: Peer) -> None:
    odd = [{"user": 5, "schedule": "x"}, {"user": {"summary": {}}}, {"schedule": {"id": "PI7DH85"}}]
    blank = {**entry(" "), "start": 5, "end": "soon"}
    peer.answers(Reply(200, json.dumps({"oncalls": [None, 5, [], {}, *odd, blank]})))
    assert Office(peer.origin, PagerDuty()).roster.on_duty() is None
    assert peer.requests[0].path == "/oncalls?schedule_ids%5B%5D=PI7DH85&limit=25"


def test_a_pagerduty_that_hangs_leaves_a_gap_and_delays_no_alarm_for_long(peer: Peer) -> None:
    peer.answers(HANG)
    alarm = malicious(Office(peer.origin, PagerDuty()))
    (gap,) = [gap for gap in alarm.gaps if "On duty" in gap.what]
    assert "did not answer" in gap.why
    assert alarm.on_duty is None


def malicious(office: Office | None, kind: str = "high_severity_alarm") -> Alarm:
    roster = office.roster if office else None
    event = replace(stubs.EVENT, kind=kind)
    return Enricher(None, None, None, stubs.config(), roster=roster).enrich(event)


def test_a_malicious_alarm_names_who_is_on_duty_and_no_other_alarm_asks(office: Office) -> None:
    office.pagerduty.on_call["PI7DH85"] = [entry("Jane Doe", end="2027-01-31T08:00:00Z")]
    facts = {fact.label: fact.value for fact in compose(malicious(office)).facts}
    assert facts["On duty"] == "Jane Doe, until 2027-01-31 08:00 UTC"
    asked = office.asked
    assert malicious(office, "processing_finished").on_duty is None
    assert malicious(None).on_duty is None
    assert office.asked == asked


def test_a_name_is_text_and_forms_no_link() -> None:
    alarm = replace(ALARMS["rich"], on_duty=Duty((HOSTILE,), None))
    (fact,) = [fact for fact in compose(alarm).facts if fact.name == "on_duty"]
    assert "https://" not in fact.value
    assert len(fact.value) <= 80


def test_a_reminder_after_the_end_of_the_duty_names_nobody() -> None:
    rich = replace(ALARMS["rich"], on_duty=Duty(("Jane Doe",), ALARMS["rich"].event.received_at))
    reminder = replace(rich, event=replace(rich.event, kind=UNACKNOWLEDGED))
    assert [fact for fact in compose(reminder).facts if fact.name == "on_duty"] == []


def test_the_configuration_makes_the_roster(make_stage: Callable[..., Stage]) -> None:
    runtime = make_stage().runtime
    assert duty_roster(runtime) is None
    section = {"pagerduty": {"token": "env:TOKEN", "schedule": "PI7DH85", "region": "eu"}}
    config = {**runtime.config.model_dump(mode="json", exclude_unset=True), "on_duty": section}
    runtime.config = Config.model_validate(config)
    assert isinstance(duty_roster(runtime), PagerDutyRoster)
    assert runtime.config.on_duty
    assert runtime.config.on_duty.pagerduty.api_url == "https://api.eu.pagerduty.com"


def test_an_alarm_is_stored_with_who_is_on_duty_and_read_without() -> None:
    alarm = replace(ALARMS["rich"], on_duty=Duty(("Jane Doe",), EIGHT))
    stored = dump(alarm)
    assert load(Alarm, stored) == alarm
    del stored["on_duty"]  # as an earlier version stored it
    assert load(Alarm, stored) == ALARMS["rich"]
