"""A hunt from its schedule to its report, and what may go wrong on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.plan import project_name
from scheduler.worker import captures_handler
from shared.models.captures import CaptureState
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED
from shared.models.hunts import Hunt, HuntState
from shared.queues.worker import settle
from tests.scheduler.staging import BAD, BROKEN, KEY, QUIET, SUNDAY

PLANNED, REQUESTED, RUNNING = CaptureState.PLANNED, CaptureState.REQUESTED, CaptureState.RUNNING
PROCESSED, FAILED, UNKNOWN = CaptureState.PROCESSED, CaptureState.FAILED, CaptureState.UNKNOWN
POST_IMPORT = ("POST", "/import/aws/ec2")


def projects(stage):
    return [project.name for project in stage.platform.world.projects.values()]


def test_a_hunt_from_its_schedule_to_its_report(stage):
    stage.runtime.ledger.instance_names.save(BAD.instance_id, "bad")
    stage.start()
    assert stage.states() == [PLANNED, PLANNED, PLANNED]
    stage.work()
    assert projects(stage) == ["weekly 2026-11-29 02:00Z"]
    assert stage.states() == [REQUESTED, REQUESTED, REQUESTED]
    stage.follow()
    assert stage.hunt().state is HuntState.RUNNING
    stage.run_platform()
    stage.follow()
    assert stage.hunt().state is HuntState.FINISHED
    captures = stage.captures()
    assert [captures[m.instance_id].state for m in (QUIET, BAD, BROKEN)] == [PROCESSED, PROCESSED, FAILED]
    assert (captures[BAD.instance_id].malicious, len(captures[BAD.instance_id].evidence_ids)) == (6, 2)
    assert "Snapshot failed: the KMS key is disabled" in captures[BROKEN.instance_id].reason

    failed, finished = stage.events()
    assert (failed.kind, failed.system, failed.hunt_id) == (
        CAPTURE_FAILED,
        captures[BROKEN.instance_id].system,
        stage.hunt().id,
    )
    assert "the KMS key is disabled" in failed.text
    assert finished.kind == HUNT_FINISHED
    report = finished.report
    assert (report.hunt, report.systems, report.captured, report.failed, report.with_alarms) == (
        "weekly", 3, 2, 1, 1,
    )  # fmt: skip
    assert [(line.name, line.system.instance, line.state, line.malicious) for line in report.captures] == [
        ("bad", BAD.instance_id, PROCESSED, 6),
        ("", BROKEN.instance_id, FAILED, 0),
        ("", QUIET.instance_id, PROCESSED, 0),
    ]
    stage.follow()
    assert stage.events() == []


def test_the_same_time_twice_is_one_hunt_with_one_project_and_one_request_per_system(stage):
    for _ in range(2):
        stage.start()
        stage.start()
        stage.work()
    stage.run_platform()
    stage.follow()
    stage.events()
    again = stage.start()
    stage.work()
    assert again.state is HuntState.FINISHED
    assert projects(stage) == ["weekly 2026-11-29 02:00Z"]
    assert set(stage.platform.asked.values()) == {1}
    assert stage.events() == []


def test_another_time_is_another_hunt(stage):
    for at in (SUNDAY, SUNDAY + timedelta(days=7)):
        stage.start(at)
        stage.work()
        stage.run_platform()
        stage.follow()
    assert projects(stage) == ["weekly 2026-11-29 02:00Z", "weekly 2026-12-06 02:00Z"]
    assert set(stage.platform.asked.values()) == {2}


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("weekly", datetime(2026, 11, 29, 2, 0, tzinfo=UTC), "weekly 2026-11-29 02:00Z"),
        ("weekly", datetime(2026, 11, 29, 2, 0, 7, tzinfo=UTC), "weekly 2026-11-29 02:00:07Z"),
        ("a" * 40, datetime(2026, 11, 29, 2, 0, 7, tzinfo=UTC), "a" * 40 + " 2026-11-29 02:00:07Z"),
    ],
)
def test_the_project_is_named_from_the_identity_of_the_hunt(name, at, expected):
    assert project_name(Hunt(name, at)) == expected


def test_a_project_that_exists_already_is_used(stage):
    stage.start()
    stage.runtime.cado.open_project("weekly 2026-11-29 02:00Z", "made by a run whose ledger is gone")
    stage.work()
    assert len(projects(stage)) == 1
    assert stage.states() == [REQUESTED] * 3


@pytest.mark.parametrize("action", ["reset", "after:502"])
def test_a_lost_answer_is_settled_by_looking_and_nothing_is_asked_twice(make_stage, action):
    stage = make_stage((QUIET,))
    stage.platform.fault(*POST_IMPORT, action)
    stage.start()
    stage.work()
    assert stage.states() == [UNKNOWN]
    stage.forward(15)
    stage.work()
    assert stage.states() == [REQUESTED]
    assert stage.platform.asked == {QUIET.instance_id: 1}
    stage.run_platform()
    stage.follow()
    assert stage.states() == [PROCESSED]


def test_a_request_that_left_no_trace_is_sent_again_once_it_had_time_to_show(make_stage):
    stage = make_stage((QUIET,))
    stage.platform.fault(*POST_IMPORT, 502)  # ambiguous, though in truth nothing was done
    stage.start()
    stage.work()
    for _ in range(8):
        stage.forward(11)
        stage.work()
        assert stage.states() == [UNKNOWN]
        assert stage.platform.asked == {}
    stage.forward(11)
    stage.work()
    assert stage.states() == [REQUESTED]
    assert stage.platform.asked == {QUIET.instance_id: 1}


def test_a_worker_that_died_between_request_and_record_asks_nothing_twice(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    stage.work()
    (capture,) = stage.captures().values()
    # As a kill at the worst moment leaves it: the request was sent, its answer was not written down.
    stage.runtime.ledger.captures.update(capture, state=UNKNOWN, pipeline_ids=(), requested_at=stage.now())
    stage.start()
    stage.work()
    assert stage.states() == [REQUESTED]
    assert stage.captures()[QUIET.instance_id].pipeline_ids == capture.pipeline_ids
    assert stage.platform.asked == {QUIET.instance_id: 1}


def test_a_busy_platform_is_asked_again_later_and_no_sooner(make_stage):
    stage = make_stage((QUIET,))
    stage.platform.fault(*POST_IMPORT, 429, headers={"Retry-After": "40"})
    stage.start()
    stage.work()
    assert stage.states() == [PLANNED]
    stage.forward(39)
    assert stage.work() == 0
    stage.forward(2)
    stage.work()
    assert stage.states() == [REQUESTED]
    assert stage.platform.asked == {QUIET.instance_id: 1}


def test_an_instance_that_the_platform_refuses_fails_alone_and_says_why(make_stage):
    gone = replace(QUIET, instance_id="i-0ffffffffffffffff", importable=False)
    stage = make_stage((gone, BAD))
    stage.start()
    stage.work()
    captures = stage.captures()
    assert captures[gone.instance_id].state is FAILED
    assert captures[BAD.instance_id].state is REQUESTED
    (event,) = stage.events()
    assert (event.kind, event.system.instance) == (CAPTURE_FAILED, gone.instance_id)
    assert event.text == captures[gone.instance_id].reason != ""


def test_a_key_that_is_refused_opens_nothing_and_says_so(make_stage):
    stage = make_stage()
    stage.runtime.secrets._environ = {"KEY": "wrong"}
    stage.start()
    stage.work()
    assert stage.hunt().state is HuntState.FAILED
    assert "refused the API key" in stage.hunt().reason
    assert projects(stage) == []
    assert stage.platform.asked == {}
    (event,) = stage.events()
    assert (event.kind, event.report.reason) == (HUNT_FINISHED, stage.hunt().reason)
    assert [line.state for line in event.report.captures] == [FAILED] * 3


def test_a_hunt_that_failed_before_it_asked_for_anything_can_be_started_again(make_stage):
    stage = make_stage((QUIET,))
    stage.runtime.secrets._environ = {"KEY": "wrong"}
    stage.start()
    stage.work()
    stage.runtime.secrets._environ = {"KEY": KEY}
    stage.runtime.__dict__.pop("_retrying_platform")  # the next process reads the key anew
    stage.start()
    stage.work()
    stage.run_platform()
    stage.follow()
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.platform.asked == {QUIET.instance_id: 1}
    assert [event.id for event in stage.events()] == [
        "hunt_finished:weekly@2026-11-29T02:00:00Z",
        "hunt_finished:weekly@2026-11-29T02:00:00Z#2",
    ]


def test_a_key_that_cannot_be_read_for_long_fails_the_hunt_and_says_so(make_stage):
    stage = make_stage()
    stage.runtime.secrets._environ = {}
    stage.start()
    stage.work()
    assert stage.hunt().state is HuntState.PLANNED
    stage.forward(3601)
    stage.work()
    assert stage.hunt().state is HuntState.FAILED
    assert stage.hunt().reason == "env:KEY: the environment variable KEY is not set"


def test_a_key_that_is_away_for_a_while_costs_nothing(make_stage, caplog):
    """At the opening, before the captures, and while they are followed."""
    stage = make_stage((QUIET, BAD))
    stage.start()
    for keys in ({}, {"KEY": KEY}):
        stage.runtime.secrets._environ = keys
        stage.forward(400)
        claimed = stage.runtime.captures.claim(lease=60)
        settle(stage.runtime.captures, claimed[0], captures_handler(stage.runtime)(claimed[0]))
    assert stage.hunt().state is HuntState.RUNNING
    stage.runtime.secrets._environ = {}
    for _ in range(12):
        stage.work()
        stage.forward(240)
    assert stage.states() == [CaptureState.PLANNED] * 2  # the ledger does not say that it was asked
    stage.follow()
    stage.runtime.secrets._environ = {"KEY": KEY}
    stage.forward(300)
    stage.work()
    stage.run_platform()
    stage.follow()
    assert stage.hunt().state is HuntState.FINISHED
    assert [event.kind for event in stage.events()] == [HUNT_FINISHED]
    assert "Traceback" not in caplog.text


def test_a_key_that_stays_away_fails_each_capture_with_the_reason(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    (item,) = stage.runtime.captures.claim(lease=60)
    settle(stage.runtime.captures, item, captures_handler(stage.runtime)(item))
    stage.runtime.secrets._environ = {}
    stage.forward(3601)
    stage.work()
    (capture,) = stage.captures().values()
    assert (capture.state, capture.reason) == (FAILED, "env:KEY: the environment variable KEY is not set")


@pytest.mark.parametrize("field", ["released_at", "requested_at", "progress_at", "ended_at"])
def test_a_time_that_a_wrong_clock_wrote_counts_as_now(make_stage, field):
    stage = make_stage((QUIET,))
    stage.start()
    stage.work()
    (capture,) = stage.captures().values()
    stage.runtime.ledger.captures.update(capture, **{field: datetime(2030, 1, 1, tzinfo=UTC)})
    stage.follow()
    (capture,) = stage.captures().values()
    assert getattr(capture, field) == stage.moment


def test_a_capture_that_began_in_2030_is_given_up_in_time(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    stage.work()
    (capture,) = stage.captures().values()
    stage.runtime.ledger.captures.update(capture, released_at=datetime(2030, 1, 1, tzinfo=UTC))
    stage.follow()
    stage.forward(172_801)
    stage.follow()
    (capture,) = stage.captures().values()
    assert (capture.state, capture.reason[:15]) == (FAILED, "no end after 48")


def test_a_platform_that_is_down_is_tried_until_it_is_back(make_stage):
    stage = make_stage((QUIET,))
    stage.platform.fault("*", ".*", 503, times=None)
    stage.start()
    stage.work()
    stage.forward(60)
    stage.work()
    assert stage.hunt().state is HuntState.PLANNED
    stage.platform.edge.faults.clear()
    stage.forward(600)
    stage.work()
    assert stage.states() == [REQUESTED]


def test_a_platform_that_stays_down_fails_the_hunt_with_one_report(make_stage):
    stage = make_stage(settings={"retry_for": 600})
    stage.platform.fault("*", ".*", 503, times=None)
    stage.start()
    for _ in range(20):
        stage.work()
        stage.forward(100)
    assert stage.hunt().state is HuntState.FAILED
    assert stage.hunt().reason.startswith("the platform was not available: ")
    (event,) = stage.events()
    assert event.report.failed == 3
    assert stage.runtime.captures.depth().living == 0


def test_a_platform_that_goes_down_half_way_fails_what_could_not_be_asked_for(make_stage):
    stage = make_stage((QUIET, BAD), settings={"retry_for": 600})
    stage.platform.fault("POST", "/import/aws/ec2", 503, times=None)
    stage.start()
    for _ in range(20):
        stage.work()
        stage.forward(100)
    assert stage.states() == [FAILED, FAILED]
    stage.follow()
    assert stage.hunt().state is HuntState.EMPTY
    assert [event.kind for event in stage.events()] == [CAPTURE_FAILED, CAPTURE_FAILED, HUNT_FINISHED]


def test_a_look_that_gets_no_answer_costs_only_that_look(stage):
    stage.start()
    stage.work()
    stage.run_platform()
    stage.platform.fault("GET", "/pipelines", 500, times=None)
    stage.follow()
    assert stage.hunt().state is HuntState.RUNNING
    stage.platform.edge.faults.clear()
    stage.follow()
    assert stage.hunt().state is HuntState.FINISHED


def test_a_capture_that_never_ends_is_given_up_and_told(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    stage.work()
    stage.follow()
    assert stage.states() == [RUNNING]
    stage.forward(48 * 3600 + 1)
    stage.follow()
    (capture,) = stage.captures().values()
    assert (capture.state, capture.reason) == (FAILED, "no end after 48 h; it was running")
    assert (stage.hunt().state, stage.hunt().reason) == (HuntState.EMPTY, capture.reason)


def test_a_crash_between_report_and_record_reports_once_and_ends_the_hunt(stage):
    stage.start()
    stage.work()
    stage.run_platform()
    ledger, real = stage.runtime.ledger, stage.runtime.ledger.hunts.end

    def crash(*_):
        raise KeyboardInterrupt  # as nothing in between may catch it

    ledger.hunts.end = crash
    with pytest.raises(KeyboardInterrupt):
        stage.follow()
    ledger.hunts.end = real
    stage.follow()
    assert stage.hunt().state is HuntState.FINISHED
    assert [event.kind for event in stage.events()] == [CAPTURE_FAILED, HUNT_FINISHED]


def test_problems_of_the_definition_are_in_the_report(make_stage):
    stage = make_stage((QUIET,), problems=("SYSTEM2 is not JSON",))
    stage.start()
    stage.work()
    stage.run_platform()
    stage.follow()
    (event,) = stage.events()
    assert event.report.problems == ("SYSTEM2 is not JSON",)


@pytest.mark.parametrize(
    ("settings", "platform"),
    [
        ({}, {"version": "2.190.0"}),  # v3 import, but projects only by v2
        ({}, {"version": "2.246.0"}),  # caseName
        ({}, {"version": "2.268.0"}),  # pipelines without a status
        ({}, {"version": "2.324.0"}),
        ({"api_version": "v2", "bucket": "evidence"}, {"v3": False}),
    ],
    ids=["2.190, v3 without projects", "2.246, caseName", "2.268, no status", "2.324", "v2"],
)
def test_the_same_story_on_old_platforms(make_stage, settings, platform):
    stage = make_stage(settings=settings, **platform)
    stage.start()
    stage.work()
    assert stage.states() == [REQUESTED] * 3
    stage.run_platform()
    for _ in range(3):  # a v2 pipeline does not say which acquisition triggered it
        stage.follow()
        stage.forward(60)
    assert stage.hunt().state is HuntState.FINISHED
    captures = stage.captures()
    assert [captures[m.instance_id].state for m in (QUIET, BAD, BROKEN)] == [PROCESSED, PROCESSED, FAILED]
    assert set(stage.platform.asked.values()) == {1}
