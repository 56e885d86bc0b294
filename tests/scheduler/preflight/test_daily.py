"""The daily preflight of a hunt: when it looks, whom it tells, and that it tells only what is new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.daily_check import begin_daily_check
from shared.config.daily_check import DailyCheckConfig
from shared.models.event_kinds import PREFLIGHT_FOUND
from shared.models.events import Event
from tests.scheduler.staging import QUIET, Stage

THURSDAY = datetime(2026, 11, 26, 6, 30, tzinfo=UTC)
ON_SUNDAY = {"schedule": "cron(0 2 ? * SUN *)", "preflight": True}
LICENCE = "fails: the platform's licence does not allow it: it is for triage only, on 1 system: " + (
    f"{QUIET.instance_id}; renew the licence on the platform, or hunt with what it allows"
)
MakeStage = Callable[..., Stage]


@pytest.fixture
def staged(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> MakeStage:
    """Without credentials for AWS, the platform's own answers are all that is known."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def make(hunt: dict[str, object]) -> Stage:
        stage = make_stage((QUIET,), hunt=hunt)
        at_six = {"daily_check": DailyCheckConfig(at="06:00")}
        stage.runtime.config = stage.runtime.config.model_copy(update=at_six)
        stage.moment = THURSDAY - timedelta(days=1)
        begin_daily_check(stage.runtime)
        return stage

    return make


def told(stage: Stage, moment: datetime) -> list[Event]:
    """What the day of `moment` tells."""
    stage.moment = moment
    begin_daily_check(stage.runtime)
    stage.work()
    return [event for event in stage.events() if event.kind == PREFLIGHT_FOUND]


def lines(event: Event) -> list[str]:
    """Without what says that AWS cannot be read."""
    return [line for line in event.text.split("\n") if "no AWS credentials" not in line]


def test_it_is_told_on_the_last_working_day_before_the_run_and_once(staged: MakeStage) -> None:
    stage = staged(ON_SUNDAY)
    stage.platform.world.about.license_level = "TRIAGE_ONLY"
    assert told(stage, THURSDAY) == []
    (event,) = told(stage, THURSDAY + timedelta(days=1))
    assert lines(event) == ["It begins on Sunday 2026-11-29 at 02:00 (Etc/UTC).", LICENCE]
    assert (event.title, event.hunt_id) == ("weekly", "weekly@2026-11-29T02:00:00Z")
    assert [line for line in event.text.split("\n") if "no AWS credentials on this machine" in line]
    assert told(stage, THURSDAY + timedelta(days=2)) == []
    assert told(stage, THURSDAY + timedelta(days=3)) == []


def test_a_week_later_only_what_is_new_is_told(staged: MakeStage) -> None:
    stage = staged(ON_SUNDAY)
    friday = THURSDAY + timedelta(days=1)
    stage.platform.world.about.license_level = "TRIAGE_ONLY"
    assert len(told(stage, friday)) == 1
    assert told(stage, friday + timedelta(days=7)) == []
    stage.platform.world.about.local_workers = True
    (event,) = told(stage, friday + timedelta(days=14))
    assert [line.split(",")[0] for line in lines(event)[1:]] == ["fails: the platform has local workers only"]
    assert "not known" not in event.text


def test_what_was_told_is_not_forgotten_while_something_cannot_be_read(staged: MakeStage) -> None:
    stage = staged({**ON_SUNDAY, "capture": "triage"})
    friday, about = THURSDAY + timedelta(days=1), stage.platform.world.about
    about.license_level = "RESTRICTED"
    assert "it is restricted" in told(stage, friday)[0].text
    about.license_level = "FULL"
    assert told(stage, friday + timedelta(days=7)) == []
    about.license_level = "RESTRICTED"
    assert told(stage, friday + timedelta(days=14)) == []


@pytest.mark.parametrize("hunt", [{}, {"preflight": True}, {**ON_SUNDAY, "preflight": False}])
def test_without_a_schedule_or_the_wish_nothing_is_looked_at(
    staged: MakeStage, hunt: dict[str, object]
) -> None:
    stage = staged(hunt)
    stage.platform.world.about.license_level = "RESTRICTED"
    for days in range(7):
        assert told(stage, THURSDAY + timedelta(days=days)) == []
