"""The platform's API beats its webhook: what webhooks with wrong numbers and names become as messages."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from receiver.events.enrich import Enricher
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import RECOVERED
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.platform.answers import DetectedIndicator
from shared.platform.errors import NotFound, Unavailable
from tests.scheduler.staging import recover

OWN, OTHER = "i-0123456789abcdef0", "i-0fedcba9876543210"
PROCESSED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
WEB = Evidence(4, 3, "vol-4", hostname="web", instance=OWN, malicious=5, suspicious=1, processed_at=PROCESSED)
DB = Evidence(8, 3, "vol-8", hostname="db", instance=OTHER, malicious=2, suspicious=0, processed_at=PROCESSED)
SENTENCE = "Processing finished with 6 alarms in project id 3 evidence id 4."


class Platform:
    def __init__(self) -> None:
        self.evidences = {one.id: one for one in (WEB, DB)}
        self.down = False

    def evidence(self, number: int) -> Evidence:
        self._answer()
        if number not in self.evidences:
            raise NotFound(f"The platform does not know evidence {number} (404).")
        return self.evidences[number]

    def project(self, number: int) -> Project:
        self._answer()
        return Project(number, "weekly", 7, 1)

    def findings(self, project: int, evidence: int | None = None) -> tuple[Finding, ...]:
        self._answer()
        return ()

    def detected(self, project: int, evidence: int | None = None) -> tuple[DetectedIndicator, ...]:
        return ()

    def projects(self) -> list[Project]:
        self._answer()
        evidences = list(self.evidences.values())
        return [Project(3, "weekly", sum(evidence.malicious or 0 for evidence in evidences), len(evidences))]

    def evidences_of(self, project: int) -> list[Evidence]:
        self._answer()
        return list(self.evidences.values())

    def pipelines(self, project: int) -> list[Any]:
        self._answer()
        return []

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("The platform does not answer.")


@pytest.fixture
def platform():
    return Platform()


@pytest.fixture
def stage(make_stage, platform):
    made = make_stage(default=("soc",))
    made.enricher = Enricher(made.runtime.ledger, platform, None, made.runtime.config)
    made.work = made.worker()
    return made


def body(message, kind="processing_with_alarms", **more):
    return json.dumps({"event": kind, "title": kind.replace("_", " ").upper(), "message": message} | more)


def told(stage, *bodies):
    """The messages that these bodies become."""
    before = len(stage.soc.sent)
    for one in bodies:
        stage.receive(one.encode())
        stage.run()
    return stage.soc.sent[before:]


@pytest.mark.parametrize(
    "name",
    ["/tmp/0 malicious 0 suspicious/x", f"/tmp/{OTHER}/x", "/srv/evidence/8/9999 malicious", f"'{OTHER}'"],
)
def test_a_file_name_changes_nothing(stage, name):
    (message,) = told(stage, body(f"{SENTENCE} Malicious File Detected: {name}"))
    assert message.title == f"5 malicious, 1 suspicious on web ({OWN})"
    assert message.severity is Severity.MALICIOUS
    assert message.gaps == (f"Instance details: the region of {OWN} is not known: it is not in any hunt",)


def test_a_webhook_that_names_another_evidence_does_not_hide_that_evidences_webhook(stage):
    first, second = told(
        stage,
        body("Alarms in project id 3. Malicious File Detected: /srv/evidence/8/9999 malicious"),
        body("2 high severity alarms detected in project id 3 evidence id 8.", "high_severity_alarm"),
    )
    assert first.title == "7 malicious, 1 suspicious in project 3"
    assert second.title == f"2 malicious on db ({OTHER})"


def test_a_disagreement_is_named(stage):
    (message,) = told(
        stage, body(f"0 malicious alarms in project id 9 evidence id 4 on {OTHER}.", resource_id=OTHER)
    )
    assert message.title == f"5 malicious, 1 suspicious on web ({OWN})"
    assert message.gaps[:3] == (
        "The webhook names project 9; the platform says that evidence 4 is in project 3.",
        f"The webhook names {OTHER}; the platform says that evidence 4 is from {OWN}.",
        "The webhook counts 0 malicious; the platform counts 5.",
    )


def test_an_unconfirmed_alarm_is_told_and_does_not_prevent_its_recovery(stage, platform):
    platform.down = True
    (first,) = told(stage, body(SENTENCE), body(SENTENCE))  # the second is the same, byte for byte
    (second,) = told(
        stage, body("5 high severity alarms in project id 3 evidence id 4.", "high_severity_alarm")
    )
    assert first.title == "6 alarms in project 3, evidence 4"
    assert second.title == "Update: 5 high severity alarms in project 3, evidence 4"
    assert not any(routed.confirmed for routed in stage.runtime.ledger.events.of_project(3))
    platform.down = False
    stage.forward(3 * 3600)
    stage.raise_event(
        Event(
            f"{RECOVERED}:4", RECOVERED, stage.moment, project_id=3, evidence_id=4, malicious=5, suspicious=1
        )
    )
    stage.run()
    third = stage.soc.sent[-1]
    assert third.title == f"Update: 5 malicious, 1 suspicious on web ({OWN})"
    assert "the platform had not confirmed them" in third.summary
    assert told(stage, body(SENTENCE), body("5 high severity alarms in project 3 evidence 4.")) == []


def test_an_evidence_that_the_platform_does_not_know_confirms_nothing(stage):
    one, two = told(
        stage, body("5 alarms in project id 3 evidence id 77."), body("6 alarms, evidence id 77.")
    )
    assert (one.title, two.title) == ("5 alarms in project 3, evidence 77", "6 alarms in evidence 77")


def test_two_evidences_in_one_body_merge_with_none(stage):
    both = body("5 alarms in project id 3 evidence id 4, moved from evidence id 8.")
    assert len(told(stage, body(SENTENCE), both)) == 2


def test_a_later_run_is_told_though_nothing_else_has_changed(stage, platform):
    later = replace(WEB, processed_at=PROCESSED.replace(day=24))
    assert len(told(stage, body(SENTENCE))) == 1
    platform.evidences[4] = later
    assert len(told(stage, body(SENTENCE))) == 1


@pytest.mark.parametrize("kind", ["processing_failed", "processing_with_alarms", "high_severity_alarm"])
def test_what_the_platform_sends_as_a_test_is_marked_test(stage, kind):
    text = {"event": kind, "title": "TEST WEBHOOK", "message": "This is a test message."}
    (message,) = told(stage, json.dumps(text))
    assert message.title == "TEST: the platform's webhook reaches huntbridge"
    assert message.summary == (
        "The platform sent this to test its webhook. There is no alarm, and nothing to do."
    )
    assert (message.severity, message.quote) == (Severity.INFO, "TEST WEBHOOK\nThis is a test message.")
    assert (message.offers, message.case_key, message.gaps) == ((), "", ())


def test_a_body_that_was_not_filled_in_may_be_a_test_and_may_be_an_alarm(stage):
    (message,) = told(stage, '{"event": "processing_failed", "title": "$Title", "message": "$Event"}')
    assert message.title == "Probably a TEST of the platform's webhook"
    assert (message.severity, message.kind) == (Severity.UNKNOWN, "unknown")


@pytest.mark.parametrize("seed", range(5))
def test_while_the_platform_comes_and_goes_nothing_is_lost_and_a_repeat_is_an_update(
    make_stage, platform, monkeypatch, seed
):
    """Webhooks of two kinds, some doubled and some lost, while the timer looks for lost alarms."""
    rng = random.Random(seed)
    slack = {"type": "slack", "webhook_url": "env:A", "pace": 1000}
    stage = make_stage(default=("soc",), destinations={"soc": slack})
    follow = stage.runtime.config.follow.model_copy(update={"all_projects": True})
    stage.runtime.config = stage.runtime.config.model_copy(update={"follow": follow})
    stage.enricher = Enricher(stage.runtime.ledger, platform, None, stage.runtime.config)
    stage.work = stage.worker()
    api = SimpleNamespace(
        projects=platform.projects, evidences=platform.evidences_of, pipelines=platform.pipelines
    )
    monkeypatch.setattr(Runtime, "cado", property(lambda _: api))
    platform.evidences.clear()
    recover(stage.runtime)  # alarms that are there at the first look are not recovered
    for number in range(101, 161):
        platform.down = number % 20 > 10
        malicious, suspicious = rng.randrange(3), rng.randrange(1, 3)
        platform.evidences[number] = Evidence(
            number,
            3,
            "vol",
            instance=f"i-{number:017x}",
            malicious=malicious,
            suspicious=suspicious,
            processed_at=stage.moment.replace(microsecond=0),
        )
        where = f"in project id 3 evidence id {number}."
        calls = [body(f"{malicious + suspicious} alarms {where}")] * rng.choice((0, 1, 1, 2))
        if malicious and rng.random() < 0.5:
            calls.append(body(f"{malicious} high severity alarms detected {where}", "high_severity_alarm"))
        for call in rng.sample(calls, len(calls)):
            stage.receive(call.encode())
        stage.run()
        stage.forward(20)
        recover(stage.runtime)
    platform.down = False
    for _ in range(3):
        stage.forward(60)
        recover(stage.runtime)
        stage.run_all()
    told = defaultdict(list)
    for message in stage.soc.sent:
        told[message.alarm.event.evidence_id].append(message.title.startswith("Update: "))
    assert set(told) == set(platform.evidences)
    assert all(updates.count(False) == 1 for updates in told.values())
    # The last word on each is the platform's.
    worst = {message.alarm.event.evidence_id: message.malicious for message in stage.soc.sent}
    assert worst == {number: one.malicious for number, one in platform.evidences.items()}
