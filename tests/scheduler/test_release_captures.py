"""How many captures are under way at once, when they may start, and which hunts may run beside each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from demo.platform.records import SimInstance, SimVolume
from scheduler.plan import prepare
from scheduler.start import start
from scheduler.worker import captures_handler
from shared.config.hunts import parse_window
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED, HUNT_MISSED
from shared.models.hunts import HuntState
from shared.queues.worker import settle
from tests.scheduler.staging import KEY, QUIET, SUNDAY, Stage

FLEET = tuple(
    SimInstance(f"i-{n:017x}", f"m{n}", "us-east-1", volumes=(SimVolume(f"vol-{n}"),)) for n in range(1, 8)
)


def asked(stage: Stage) -> int:
    return sum(stage.platform.asked.values())


def to_the_end(stage: Stage, looks: int = 20) -> list[int]:
    """How many captures were under way at each look."""
    under_way = []
    while not stage.hunt().over and looks:
        looks -= 1
        stage.work()
        living = [c for c in stage.captures().values() if c.state in ("requested", "running", "unknown")]
        under_way.append(len(living))
        stage.run_platform()
        stage.follow()
        stage.forward(60)
    return under_way


@pytest.mark.parametrize(
    ("hunt", "platform", "expected"),
    [
        ({"max_in_flight": 3}, {}, [3, 3, 1]),
        ({}, {"workers": 4}, [4, 3]),  # what the platform says
        ({"max_in_flight": 5}, {"workers": 2}, [5, 2]),
        ({}, {"workers": 2, "version": "2.271.0"}, [7]),  # it tells no limit
        ({}, {"workers": 2, "version": "2.250.0"}, [7]),  # it cannot be asked
    ],
)
def test_new_captures_start_as_others_end(make_stage, hunt, platform, expected):
    stage = make_stage(FLEET, hunt=hunt, **platform)
    stage.start()
    assert to_the_end(stage) == expected
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.states() == [CaptureState.PROCESSED] * 7
    assert set(stage.platform.asked.values()) == {1}


def test_without_a_limit_in_v2(make_stage):
    stage = make_stage(FLEET, {"api_version": "v2"}, v3=False, workers=2)
    stage.start()
    stage.work()
    assert asked(stage) == 7


def test_only_what_may_start_is_in_the_queue(make_stage):
    stage = make_stage(FLEET, hunt={"max_in_flight": 2})
    stage.start()
    stage.work()
    stage.follow()
    assert stage.runtime.captures.depth().living == 0
    assert stage.states().count(CaptureState.PLANNED) == 5


def test_a_capture_that_is_refused_makes_room(make_stage):
    fleet = (SimInstance("i-00000000000000000", "own", "us-east-1", importable=False), *FLEET[:2])
    stage = make_stage(fleet, hunt={"max_in_flight": 1})
    stage.start()
    stage.work()
    assert asked(stage) == 0
    stage.follow()
    stage.work()
    assert asked(stage) == 1


def test_while_the_platform_does_not_say_its_limit_nothing_starts(make_stage):
    stage = make_stage(FLEET, workers=2)
    stage.platform.fault("GET", "/pipelines/status", 503, times=None)
    stage.start()
    stage.work()
    assert asked(stage) == 0
    stage.platform.edge.faults.clear()
    stage.forward(300)
    stage.work()
    assert asked(stage) == 2


def test_a_restart_in_the_middle_of_the_release_starts_each_once(make_stage):
    stage = make_stage(FLEET, hunt={"max_in_flight": 3})
    real, calls = stage.runtime.ledger.captures.update, []

    def die_at_the_second(capture, **fields):
        if "released_at" in fields:
            calls.append(capture)
            if len(calls) == 2:
                raise KeyboardInterrupt
        return real(capture, **fields)

    stage.runtime.ledger.captures.update = die_at_the_second
    stage.start()
    with pytest.raises(KeyboardInterrupt):
        stage.work()
    stage.runtime.ledger.captures.update = real
    stage.forward(61)  # the lease of the item runs out
    stage.work()
    assert asked(stage) == 3
    assert to_the_end(stage)[-1] == 1
    assert set(stage.platform.asked.values()) == {1}


# --- window and jitter


@pytest.mark.parametrize(
    ("text", "zone", "opens", "closes"),
    [
        ("22:00-06:00", "Etc/UTC", "2026-11-29T22:00Z", "2026-11-30T06:00Z"),
        ("09:30-17:00", "Europe/Berlin", "2026-11-29T08:30Z", "2026-11-29T16:00Z"),
        # Nights on which the clocks change: New York in spring, an hour shorter; in autumn, an hour longer.
        ("22:00-06:00", "America/New_York", "2027-03-14T03:00Z", "2027-03-14T10:00Z"),
        ("22:00-06:00", "America/New_York", "2027-11-07T02:00Z", "2027-11-07T11:00Z"),
    ],
)
def test_a_window(text, zone, opens, closes):
    window, minute = parse_window(text), timedelta(minutes=1)
    opens, closes = datetime.fromisoformat(opens), datetime.fromisoformat(closes)
    shown = [window.is_open(at, ZoneInfo(zone)) for at in (opens - minute, opens, closes - minute, closes)]
    assert shown == [False, True, True, False]


@pytest.mark.parametrize("text", ["22:00", "22-6", "24:00-06:00", "06:00-06:00", "22:00 to 06:00"])
def test_what_is_no_window(text):
    with pytest.raises(ValueError, match="write it as 22:00-06:00"):
        parse_window(text)


def test_outside_its_window_nothing_starts_and_the_rest_is_carried_to_the_next(make_stage):
    stage = make_stage(FLEET, hunt={"max_in_flight": 2, "window": "01:00-02:30"})
    stage.start()  # at 02:00
    stage.work()
    assert asked(stage) == 2
    stage.run_platform()
    stage.forward(30 * 60)
    stage.follow()
    stage.work()
    assert asked(stage) == 2  # two have ended, and it is 02:30
    stage.forward(22 * 3600)
    stage.follow()
    stage.work()
    assert asked(stage) == 2
    stage.forward(30 * 60)
    stage.follow()  # 01:00 of the next day
    stage.work()
    assert asked(stage) == 4
    assert to_the_end(stage)[-1] > 0
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.states() == [CaptureState.PROCESSED] * 7


def test_what_waits_for_a_busy_platform_does_not_start_after_the_window(make_stage):
    stage = make_stage((QUIET,), hunt={"window": "01:00-02:30"})
    stage.platform.fault("POST", "/import/aws/ec2", 429, headers={"Retry-After": "1800"})
    stage.start()
    stage.work()
    stage.forward(1801)
    stage.work()
    assert asked(stage) == 0
    assert stage.runtime.captures.depth().living == 0
    stage.forward(22.5 * 3600)
    stage.follow()
    stage.work()
    assert asked(stage) == 1


def test_a_capture_that_waited_long_for_its_turn_is_not_late(make_stage):
    stage = make_stage(FLEET, hunt={"max_in_flight": 1, "window": "02:00-02:05"})
    stage.start()
    for _ in range(7):
        stage.work()
        stage.run_platform()
        stage.forward(24 * 3600)
        stage.follow()
    assert stage.states() == [CaptureState.PROCESSED] * 7


def test_jitter_spreads_what_may_start(make_stage):
    stage = make_stage(FLEET, hunt={"jitter": 600, "max_in_flight": 7})
    stage.start()
    stage.work()
    seen = [asked(stage)]
    for _ in range(6):
        stage.forward(100)
        stage.work()
        seen.append(asked(stage))
    assert seen[0] < 7
    assert len(set(seen)) > 3
    assert seen[-1] == 7


# --- two hunts of one name

LATER = SUNDAY + timedelta(hours=1)


def test_a_hunt_is_skipped_while_the_last_one_of_its_name_is_under_way(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    stage.work()
    second = stage.start(LATER)
    assert (second.state, stage.work()) == (HuntState.SKIPPED, 0)
    (event,) = stage.events()
    assert (event.kind, event.hunt_id) == (HUNT_MISSED, "weekly@2026-11-29T03:00:00Z")
    assert event.text == "the hunt before it, weekly@2026-11-29T02:00:00Z, was still under way"
    stage.run_platform()
    stage.follow()
    third = stage.start(LATER + timedelta(hours=1))
    stage.work()
    assert third.state is HuntState.PLANNED
    assert asked(stage) == 2


def test_a_hunt_waits_for_the_last_one_of_its_name(make_stage):
    stage = make_stage((QUIET,), hunt={"overlap": "queue"})
    stage.start()
    stage.work()
    stage.start(LATER)
    stage.forward(50 * 3600)  # to wait is not to be late
    stage.work()
    assert asked(stage) == 1
    stage.run_platform()
    stage.follow()  # the first one ends
    stage.follow()  # the second one has its turn
    stage.work()
    stage.run_platform()
    stage.follow()
    assert asked(stage) == 2
    assert [hunt.state for hunt in stage.runtime.ledger.hunts.of_name("weekly")] == [HuntState.FINISHED] * 2
    assert [event.kind for event in stage.events()] == [HUNT_FINISHED] * 2


def test_a_hunt_that_failed_does_not_stand_in_the_way(make_stage):
    stage = make_stage((QUIET,))
    stage.runtime.secrets._environ = {"KEY": "wrong"}
    stage.start()
    stage.work()
    stage.runtime.secrets._environ = {"KEY": KEY}
    stage.runtime.__dict__.pop("_retrying_platform")
    assert stage.start(LATER).state is HuntState.PLANNED


# --- what fails is asked for again, and what stands still is told


def test_a_failed_capture_is_repeated(make_stage):
    broken = SimInstance(QUIET.instance_id, "m", "us-east-1", volumes=QUIET.volumes, fails="Snapshot failed")
    stage = make_stage((broken,), hunt={"retries": 2})
    stage.start()
    to_the_end(stage)
    (capture,) = stage.captures().values()
    assert asked(stage) == 3
    assert (capture.state, capture.attempt, len(capture.earlier_pipeline_ids)) == ("failed", 3, 2)
    assert "Snapshot failed" in capture.reason
    assert [event.kind for event in stage.events()] == ["capture_failed", HUNT_FINISHED]


def test_a_capture_that_is_unknown_is_looked_for_and_not_repeated(make_stage):
    broken = SimInstance(QUIET.instance_id, "m", "us-east-1", volumes=QUIET.volumes, fails="Snapshot failed")
    stage = make_stage((broken,), hunt={"retries": 1})
    stage.start()
    stage.work()
    stage.run_platform()
    stage.platform.fault("POST", "/import/aws/ec2", "reset")
    stage.follow()
    stage.work()
    assert stage.states() == [CaptureState.UNKNOWN]
    assert asked(stage) == 2
    stage.follow()
    assert stage.states() == [CaptureState.UNKNOWN]
    stage.forward(11)
    stage.work()  # finds the second one's pipelines, not the first one's
    (capture,) = stage.captures().values()
    assert (capture.state, capture.attempt) == (CaptureState.REQUESTED, 2)
    assert not set(capture.pipeline_ids) & set(capture.earlier_pipeline_ids)
    assert asked(stage) == 2


def test_what_was_cancelled_on_the_platform_is_not_repeated(make_stage):
    stage = make_stage((QUIET,), hunt={"retries": 2})
    stage.start()
    stage.work()
    world = stage.platform.world
    world.abort(next(iter(world.pipelines.values())), stage.platform.now())
    stage.follow()
    assert stage.states() == [CaptureState.FAILED]


def test_a_capture_that_stands_still_is_told_once(make_stage):
    stage = make_stage((QUIET,), follow={"stall_after": 3600})
    stage.start()
    stage.work()
    stage.follow()
    for _ in range(3):
        stage.forward(3599)
        stage.follow()
        stage.platform.tick()  # a step ends
        stage.follow()
    assert stage.events() == []
    for _ in range(5):
        stage.forward(1800)
        stage.follow()
    (event,) = stage.events()
    assert (event.kind, event.system.instance) == ("capture_stalled", QUIET.instance_id)
    assert event.text == (
        "No progress since 2026-11-29 04:59 UTC. On the platform: pipelines: 1 in progress; 3 steps done"
    )
    assert stage.states() == [CaptureState.RUNNING]
    stage.platform.tick()
    stage.follow()
    stage.forward(3600)
    stage.follow()
    assert [event.kind for event in stage.events()] == ["capture_stalled"]  # it moved, and stopped again


def test_evidence_is_looked_up_only_when_a_capture_has_ended(make_stage):
    stage = make_stage(FLEET[:2])
    stage.start()
    stage.work()
    for _ in range(3):
        stage.follow()
    paths = [request.path for request in stage.platform.requests]
    assert "/api/v3/pipelines" in paths
    assert "/api/v3/evidences" not in paths
    stage.run_platform()
    stage.follow()
    assert [r.path for r in stage.platform.requests].count("/api/v3/evidences") == 1


def test_a_hunt_whose_opening_got_lost_is_opened_later(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    (item,) = stage.runtime.captures.claim(lease=60)
    stage.runtime.captures.done(item)
    stage.follow()
    assert stage.work() == 0
    stage.forward(3601)
    stage.follow()
    stage.work()
    assert stage.states() == [CaptureState.REQUESTED]


# --- a start that only repeats what is under way


@pytest.mark.parametrize(
    ("at", "trigger", "told"),
    [
        (SUNDAY.replace(second=40), "schedule cron(0 2 ? * SUN *)", 0),  # the same minute
        (SUNDAY.replace(hour=5), "hunt run by jane at laptop", 0),  # who reads the refusal there
        (SUNDAY.replace(hour=5), "schedule cron(0 5 ? * SUN *)", 1),
    ],
)
def test_a_start_that_is_refused_as_a_repeat_is_not_told_as_a_run_that_is_missing(
    make_stage, at, trigger, told
):
    stage = make_stage((QUIET,))
    stage.start()
    planned = prepare(stage.runtime, "weekly", at)
    assert start(stage.runtime, planned, retry_for=60, trigger=trigger).state is HuntState.SKIPPED
    assert len([event for event in stage.events() if event.kind == HUNT_MISSED]) == told


def test_a_large_hunt_releases_each_capture_once(make_stage):
    fleet = tuple(SimInstance(f"i-{n:017x}", f"m{n}", "us-east-1") for n in range(1, 101))
    stage = make_stage(fleet, hunt={"max_in_flight": 90})
    stage.start()
    (opening,) = stage.runtime.captures.claim(lease=60)
    settle(stage.runtime.captures, opening, captures_handler(stage.runtime)(opening))
    claimed = stage.runtime.captures.claim(200, lease=60)
    assert len({item.id for item in claimed}) == len(claimed) == 90
    assert sum(capture.released_at is not None for capture in stage.captures().values()) == 90
