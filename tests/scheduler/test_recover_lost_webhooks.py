"""Webhooks that never came: what the platform knows against what was received."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from demo.platform.records import Evidence, SimAlarm, SimInstance, SimVolume
from shared.models.event_kinds import RECOVERED
from shared.models.events import Event
from shared.models.severity import Severity
from tests.scheduler.staging import ALARM, BAD, QUIET, Stage, recover

MINUTE = 60
ODD = SimInstance(
    "i-0aaaaaaaaaaaaaaa4",
    "odd",
    "us-east-1",
    volumes=(SimVolume("vol-0000000d1", alarms=(SimAlarm("Possible WebShell Command", 3, 2),)),),
)


@pytest.fixture
def hunted(make_stage) -> Stage:
    """A hunt that has ended: two evidences with alarms, and no webhook came for any of them."""
    return hunt(make_stage((QUIET, BAD)))


def hunt(stage: Stage) -> Stage:
    stage.start()
    stage.work()
    stage.run_platform()
    stage.follow()
    stage.events()
    return stage


def setting(stage: Stage, **follow) -> None:
    config = stage.runtime.config
    stage.runtime.config = config.model_copy(update={"follow": config.follow.model_copy(update=follow)})


def evidences(stage: Stage) -> list[Evidence]:
    return [evidence for evidence in stage.platform.world.evidences.values() if evidence.malicious]


def processed_later(evidence: Evidence, seconds: float) -> None:
    """Its processing ran once more, so many seconds after the last time."""
    assert evidence.processed is not None
    evidence.processed += seconds


def received(
    stage: Stage,
    evidence: Evidence,
    kind="processing_with_alarms",
    severity=Severity.MALICIOUS,
    merged_into="",
    confirmed=True,
) -> str:
    """A webhook about it came and was routed; returns the event's id."""
    event = Event(
        f"{kind}-{evidence.id}-{stage.moment:%H%M%S}",
        kind,
        stage.moment,
        project_id=evidence.project_id,
        evidence_id=evidence.id,
    )
    to = [] if merged_into else ["soc"]
    stage.runtime.ledger.events.record_routed(
        event, severity, to, merged_into=merged_into, confirmed=confirmed
    )
    return event.id


def look(stage: Stage, times: int = 1) -> list[Event]:
    """One look a minute, and what they raised."""
    for _ in range(times):
        recover(stage.runtime)
        stage.forward(MINUTE)
    return sorted(stage.events(), key=lambda event: event.evidence_id or 0)


def test_what_no_webhook_told_of_is_raised_at_the_second_look_and_once(hunted):
    first, second = evidences(hunted)
    assert look(hunted) == []
    raised = look(hunted)
    assert [(e.kind, e.project_id, e.evidence_id, e.malicious, e.suspicious, e.instance) for e in raised] == [
        (RECOVERED, first.project_id, first.id, 3, 0, BAD.instance_id),
        (RECOVERED, second.project_id, second.id, 3, 0, BAD.instance_id),
    ]
    assert len({event.id for event in raised}) == 2
    assert look(hunted, 5) == []


def test_what_a_webhook_told_of_is_not_raised(hunted):
    first, second = evidences(hunted)
    received(hunted, first)
    assert look(hunted) == []
    received(hunted, second, "high_severity_alarm")  # late, but not too late
    assert look(hunted, 5) == []


def test_what_only_a_text_says_of_an_evidence_does_not_tell_of_it(hunted):
    first, second = evidences(hunted)
    received(hunted, first, confirmed=False)
    received(hunted, second, "high_severity_alarm", confirmed=False)
    received(hunted, second)
    assert [event.evidence_id for event in look(hunted, 5)] == [first.id]


def test_what_the_version_before_wrote_down_still_tells_of_its_evidence(hunted):
    first, second = evidences(hunted)
    for evidence in (first, second):
        id = received(hunted, evidence)
        place = ("project-event", str(evidence.project_id), id)
        record = hunted.runtime.store.get(*place)
        hunted.runtime.store.put(*place, {k: v for k, v in record.body.items() if k != "confirmed"})
    assert look(hunted, 5) == []


def test_a_webhook_that_waits_to_be_routed_counts_as_received(hunted):
    first, second = evidences(hunted)
    received(hunted, first)
    hunted.runtime.events.put(b'{"webhook": "in a storm"}')
    for _ in range(5):
        recover(hunted.runtime)
        hunted.forward(MINUTE)
    (item,) = hunted.runtime.events.claim(9, lease=60)
    received(hunted, second)
    hunted.runtime.events.done(item)
    assert look(hunted, 5) == []


def test_a_word_of_suspicious_events_does_not_tell_of_malicious_ones(hunted):
    first, second = evidences(hunted)
    received(hunted, first, "suspicious_severity_event", Severity.SUSPICIOUS)
    received(hunted, second, "suspicious_severity_event", Severity.MALICIOUS)  # it was found out afterwards
    assert [event.evidence_id for event in look(hunted, 3)] == [first.id]


@pytest.mark.parametrize("kind", ["suspicious_severity_event", "processing_with_alarms", "unknown"])
def test_suspicious_events_are_told_by_their_own_kind(make_stage, kind):
    stage = hunt(make_stage((ODD,)))
    (evidence,) = stage.platform.world.evidences.values()
    received(stage, evidence, kind, Severity.UNKNOWN)
    assert look(stage, 3) == []


def test_suspicious_events_that_nobody_told_of_are_raised(make_stage):
    stage = hunt(make_stage((ODD,)))
    (evidence,) = stage.platform.world.evidences.values()
    received(stage, evidence, "processing_finished", Severity.INFO)
    assert [(event.malicious, event.suspicious) for event in look(stage, 3)] == [(0, 2)]


def test_a_later_processing_run_is_news_whether_the_first_was_told_or_not(hunted):
    first, second = evidences(hunted)
    received(hunted, first)
    first_events = look(hunted, 3)
    for evidence in (first, second):
        processed_later(evidence, 3600)
    two = look(hunted, 3)
    assert [event.evidence_id for event in first_events] == [second.id]
    assert [event.evidence_id for event in two] == [first.id, second.id]
    assert not {event.id for event in first_events} & {event.id for event in two}
    for evidence in (first, second):
        processed_later(evidence, 3600)
    look(hunted)
    received(hunted, first)
    assert [event.evidence_id for event in look(hunted, 3)] == [second.id]


def test_a_webhook_about_the_run_before_that_comes_late_a_second_time_does_not_tell_of_the_new_run(hunted):
    first, _ = evidences(hunted)
    told = received(hunted, first)
    look(hunted, 3)
    processed_later(first, 3600)
    received(hunted, first, merged_into=told)
    assert [event.evidence_id for event in look(hunted, 3)] == [first.id]


def test_alarms_that_show_before_their_processing_has_ended_are_left_to_its_webhook(hunted):
    look(hunted)
    first, second = evidences(hunted)
    (running,) = (p for p in hunted.platform.world.pipelines.values() if p.evidence_id == first.id)
    running.state = "in_progress"
    assert [event.evidence_id for event in look(hunted, 3)] == [second.id]
    running.state = "complete"
    assert [event.evidence_id for event in look(hunted)] == [first.id]


def test_a_hunt_that_is_still_open_is_looked_at_as_well(make_stage):
    stage = make_stage((QUIET, BAD))
    stage.start()
    stage.work()
    stage.run_platform()
    assert len(look(stage, 2)) == 2


def test_a_project_is_left_alone_some_time_after_its_hunt(hunted):
    setting(hunted, recover_for=3600)
    (evidence, _) = evidences(hunted)
    look(hunted, 2)
    hunted.moment += timedelta(hours=2)
    processed_later(evidence, 3600)
    before = len(hunted.platform.requests)
    assert look(hunted, 3) == []
    assert hunted.platform.requests[before:] == []


def test_the_grace_can_be_set(hunted):
    setting(hunted, recover_after=150.0)
    assert look(hunted, 3) == []
    assert len(look(hunted)) == 2


def test_a_clock_that_steps_back_delays_nothing(hunted):
    look(hunted)
    hunted.moment -= timedelta(hours=1)
    assert look(hunted) == []
    assert len(look(hunted)) == 2


def test_a_crash_between_the_event_and_the_ledger_raises_it_under_the_same_id(hunted, monkeypatch):
    look(hunted)
    save = hunted.runtime.ledger.events.save_alarm_run

    def crash(run):
        if run.told:
            raise KeyboardInterrupt
        save(run)

    monkeypatch.setattr(hunted.runtime.ledger.events, "save_alarm_run", crash)
    with pytest.raises(KeyboardInterrupt):
        recover(hunted.runtime)
    (recovered,) = hunted.events()
    monkeypatch.undo()
    assert recovered.id in [event.id for event in look(hunted, 2)]


@pytest.mark.parametrize("action", [500, 403, "reset"])
def test_a_platform_that_cannot_be_asked_costs_the_look_alone(hunted, action):
    look(hunted)
    hunted.platform.fault("GET", "/evidences", action, times=3)
    assert look(hunted) == []
    hunted.platform.edge.faults.clear()
    assert len(look(hunted)) == 2


def somebody_elses(stage: Stage, name: str, *, alarms: int = 1) -> Evidence:
    """A project that huntbridge did not open, with an evidence."""
    world = stage.platform.world
    project = world.open_project(name, "", stage.platform.now())
    evidence = Evidence(
        900 + project.id, project.id, "vol-1", BAD, "vol-1", "EBS", BAD.instance_id, 8, stage.platform.now()
    )
    world.add_evidence(evidence)
    find(stage, evidence, alarms)
    return evidence


def find(stage: Stage, evidence: Evidence, alarms: int) -> None:
    stage.platform.world._raise_alarms([ALARM] * alarms, evidence, stage.platform.now())


def test_other_projects_are_not_looked_at_unless_it_is_asked_for(make_stage):
    stage = make_stage((QUIET,))
    somebody_elses(stage, "by hand")
    assert look(stage, 4) == []


def test_in_all_projects_what_was_there_before_is_no_news_and_what_comes_is(make_stage):
    stage = make_stage((QUIET, BAD))
    setting(stage, all_projects=True)
    old = somebody_elses(stage, "old")
    empty = somebody_elses(stage, "empty", alarms=0)
    assert look(stage, 4) == []
    new = somebody_elses(stage, "new")
    find(stage, empty, 1)
    told = somebody_elses(stage, "told")
    received(stage, told)
    assert {event.evidence_id for event in look(stage, 3)} == {new.id, empty.id}
    find(stage, old, 1)
    processed_later(old, 10)
    assert [event.evidence_id for event in look(stage, 3)] == [old.id]


def test_other_projects_in_which_nothing_changed_are_not_asked_about_again(make_stage):
    stage = make_stage((QUIET, BAD))
    setting(stage, all_projects=True)
    somebody_elses(stage, "old")
    look(stage, 2)
    before = len(stage.platform.requests)
    look(stage)
    assert [request.path for request in stage.platform.requests[before:]] == ["/api/v3/projects"]


def test_with_the_old_api_nothing_is_asked(make_stage):
    stage = make_stage((QUIET,), {"api_version": "v2"})
    stage.start()
    stage.work()
    before = len(stage.platform.requests)
    assert look(stage, 2) == []
    assert stage.platform.requests[before:] == []


@pytest.mark.parametrize("seed", range(5))
def test_of_webhooks_dropped_at_random_every_alarm_arrives_once(make_stage, seed):
    rng = random.Random(seed)
    fleet = tuple(
        SimInstance(
            f"i-{n:017x}", f"m{n}", "us-east-1", volumes=(SimVolume(f"vol-{n:017x}", alarms=(ALARM,)),)
        )
        for n in range(1, 31)
    )
    stage = hunt(make_stage(fleet))
    all_of_them, came = evidences(stage), set()
    for evidence in all_of_them:
        if rng.random() > 0.3:
            received(stage, evidence)
            came.add(evidence.id)
        if rng.random() < 0.2:
            look(stage)  # before the grace is over
            stage.forward(-MINUTE)
    raised = [event.evidence_id for event in look(stage, 4) if event.evidence_id is not None]
    assert sorted([*came, *raised]) == [evidence.id for evidence in all_of_them]
