"""The daily check of what the scheduler can see: when it begins, what it tells, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from demo.platform.records import User
from scheduler.daily_check import AWS, PLATFORM, SECRETS, begin_daily_check
from shared.config.daily_check import DailyCheckConfig
from shared.models.checks import failed
from shared.models.event_kinds import CHECK_FAILED
from shared.queues import items
from shared.secrets import Secrets
from tests.queue_items import decoded
from tests.scheduler.staging import KEY, QUIET

DAY = 86_400
AT_SIX = DailyCheckConfig(at="06:00")


@pytest.fixture
def stage(make_stage, monkeypatch):
    made = make_stage((QUIET,))
    made.runtime.config = made.runtime.config.model_copy(update={"daily_check": AT_SIX, "hunts": {}})
    monkeypatch.setattr("scheduler.daily_check.check_aws.findings", lambda runtime, budget: iter(()))
    made.moment = datetime(2026, 11, 29, 7, 0, tzinfo=UTC)
    begin_daily_check(made.runtime)
    return made


def next_day(stage):
    """The daily check of the next day with all its repeats; returns what it told."""
    stage.forward(DAY)
    begin_daily_check(stage.runtime)
    stage.forward(10)
    stage.work()
    stage.forward(601)
    stage.work()
    return [(event.kind, event.title, event.text, event.mended) for event in stage.events()]


def parts(queue):
    claimed = queue.claim(10, lease=60)
    for item in claimed:
        queue.done(item)
    return [decoded(items.DailyCheck, item.body).part for item in claimed]


def test_it_begins_once_a_day_at_its_time_and_not_on_the_day_of_the_installation(stage):
    queue = stage.runtime.captures
    for hours, wanted in ((1, []), (21.9, []), (0.2, [PLATFORM, SECRETS, AWS]), (1, [])):
        stage.forward(hours * 3_600)
        begin_daily_check(stage.runtime)
        assert sorted(parts(queue)) == sorted(wanted)


def test_a_check_that_is_due_just_before_midnight_is_not_lost_between_two_runs_of_the_timer(stage):
    late = DailyCheckConfig(at="23:58")
    stage.runtime.config = stage.runtime.config.model_copy(update={"daily_check": late})
    stage.moment = datetime(2026, 11, 30, 23, 55, tzinfo=UTC)
    begin_daily_check(stage.runtime)
    parts(stage.runtime.captures)
    stage.forward(300)
    begin_daily_check(stage.runtime)
    assert sorted(parts(stage.runtime.captures)) == sorted([PLATFORM, SECRETS, AWS])
    stage.forward(300)
    begin_daily_check(stage.runtime)
    assert parts(stage.runtime.captures) == []


def test_a_time_that_is_not_configured_is_the_same_every_day_and_differs_between_platforms():
    now, check = datetime(2026, 11, 29, 5, 0, tzinfo=UTC), DailyCheckConfig()
    due = check.last_due(now, "https://cado.example")
    assert now - timedelta(days=1) < due <= now
    assert check.last_due(now + timedelta(days=1), "https://cado.example") == due + timedelta(days=1)
    assert due != check.last_due(now, "https://other.example")
    assert AT_SIX.last_due(now, "https://cado.example") == datetime(2026, 11, 28, 6, 0, tzinfo=UTC)


def test_it_can_be_switched_off(stage):
    off = DailyCheckConfig(enabled=False)
    stage.runtime.config = stage.runtime.config.model_copy(update={"daily_check": off})
    stage.forward(2 * DAY)
    begin_daily_check(stage.runtime)
    assert parts(stage.runtime.captures) == []


def test_a_key_that_lost_its_rights_is_told_once_and_so_is_that_it_works_again(stage):
    assert next_day(stage) == []
    stage.platform.users[KEY] = User(1, "Read Only Analyst")
    lacks = "the key's role Read Only Analyst lacks projects_create, import_data_full"
    text = f"platform: {lacks}; hunts need the role Lead Analyst"
    assert next_day(stage) == [(CHECK_FAILED, PLATFORM, text, False)]
    assert next_day(stage) == []
    stage.platform.users[KEY] = User(1, "Lead Analyst")
    assert next_day(stage) == [(CHECK_FAILED, PLATFORM, "platform", True)]
    assert next_day(stage) == []


def test_what_fails_only_for_a_moment_is_not_told(stage):
    stage.forward(DAY)
    stage.platform.users[KEY] = User(1, "Read Only Analyst")
    begin_daily_check(stage.runtime)
    stage.forward(10)
    stage.work()
    stage.platform.users[KEY] = User(1, "Lead Analyst")
    stage.forward(601)
    stage.work()
    assert stage.events() == []
    assert stage.runtime.check_results.last().failing == ()


def test_a_secret_that_is_gone_or_old_is_told(stage, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-sixteen-characters")
    config = stage.runtime.config
    webhook = type(config.webhook).model_validate({"tokens": [f"file:{token}", "env:GONE"]})
    stage.runtime.config = config.model_copy(update={"webhook": webhook})
    stage.runtime.secrets = Secrets({"KEY": KEY, "GONE": "another-token-of-a-length"})
    assert next_day(stage) == []
    stage.runtime.secrets = Secrets({"KEY": KEY})
    text = "webhook.tokens[1]: env:GONE: the environment variable GONE is not set"
    assert next_day(stage) == [(CHECK_FAILED, SECRETS, text, False)]
    stage.forward(366 * DAY)
    ((_, _, text, _),) = next_day(stage)
    assert text.startswith(f"webhook.tokens[0]: file:{token} was last changed on ")
    assert text.endswith("more than 365 days ago: rotate it")


def test_of_many_failures_of_one_thing_each_is_told(stage, monkeypatch):
    found = [failed("hunt weekly", "i-1 is terminated")]
    monkeypatch.setattr("scheduler.daily_check.check_aws.findings", lambda runtime, budget: iter(found))
    assert next_day(stage) == [(CHECK_FAILED, AWS, "hunt weekly: i-1 is terminated", False)]
    found.append(failed("hunt weekly", "i-2 is terminated"))
    ((_, _, text, mended), *_) = next_day(stage)
    assert "hunt weekly: i-2 is terminated" in text
    assert not mended
