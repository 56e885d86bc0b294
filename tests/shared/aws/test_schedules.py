"""Hunts as schedules in EventBridge Scheduler: what is found, planned and done, at moto's server."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from shared.aws.errors import AwsError
from shared.aws.schedules import Home, Step, Wanted, carry_out, find, plan, stack_outputs

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:huntbridge-scheduler"
ROLE = "arn:aws:iam::123456789012:role/huntbridge-schedules"
MISSED = "arn:aws:sqs:eu-west-1:123456789012:huntbridge-missed"
WEEKLY = Wanted("weekly", "cron(0 2 ? * SUN *)", "Europe/Berlin")
DAILY = Wanted("daily", "rate(1 day)", "Etc/UTC")


@pytest.fixture
def home(clients) -> Home:
    group = f"g-{uuid.uuid4()}"
    clients.call("scheduler", "create_schedule_group", Name=group)
    return Home(group, FUNCTION, ROLE, MISSED)


@pytest.fixture
def sync(clients, home):
    """Carries out what there is to do, and returns it."""

    def run(*wanted: Wanted, home: Home = home, window: int = 15) -> list[tuple[str, str, str]]:
        steps = plan(wanted, find(clients, home), home, window)
        for step in steps:
            carry_out(clients, step)
        return [(step.do, step.schedule, step.detail) for step in steps]

    return run


@pytest.fixture
def there(clients, home):
    def get(name: str) -> dict[str, Any]:
        schedule = clients.call("scheduler", "get_schedule", GroupName=home.group, Name=name)
        return {key: value for key, value in schedule.items() if value is not None}

    return get


@pytest.fixture
def add(clients, home):
    """A schedule that something else made."""

    def create(name: str, given: str, target: str = FUNCTION, **more: object) -> None:
        settings = {
            "GroupName": home.group,
            "Name": name,
            "ScheduleExpression": "rate(5 minutes)",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": target, "RoleArn": ROLE, "Input": given},
        }
        clients.call("scheduler", "create_schedule", **settings | more)

    return create


def test_a_hunt_becomes_a_schedule(sync, there, home):
    assert sync(WEEKLY) == [("create", "hunt-weekly", "cron(0 2 ? * SUN *) Europe/Berlin")]
    made = there("hunt-weekly")
    for told in ("Arn", "CreationDate", "LastModificationDate", "ResponseMetadata"):
        made.pop(told)
    assert made == {
        "GroupName": home.group,
        "Name": "hunt-weekly",
        "Description": "huntbridge: the hunt weekly",
        "ScheduleExpression": "cron(0 2 ? * SUN *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "State": "ENABLED",
        "Target": {
            "Arn": FUNCTION,
            "RoleArn": ROLE,
            "Input": '{"hunt": "weekly", "scheduled_at": "<aws.scheduler.scheduled-time>"}',
            "RetryPolicy": {"MaximumRetryAttempts": 30, "MaximumEventAgeInSeconds": 21600},
            "DeadLetterConfig": {"Arn": MISSED},
        },
    }


def test_what_is_as_it_should_be_is_left_alone(sync, asked):
    sync(WEEKLY, DAILY)
    asked.clear()
    assert [do for do, *_ in sync(WEEKLY, DAILY)] == ["keep", "keep"]
    assert {operation.partition("_")[0] for operation, _ in asked} == {"get", "list"}


def test_what_differs_is_changed(sync, there, home):
    sync(WEEKLY)
    other = Home(home.group, FUNCTION + "-2", ROLE + "-2")
    assert sync(Wanted("weekly", "rate(7 days)", "Etc/UTC"), home=other, window=0) == [
        (
            "change",
            "hunt-weekly",
            "rate(7 days) Etc/UTC, its schedule was cron(0 2 ? * SUN *), its time zone was Europe/Berlin, "
            "its window was 15 minutes, its function was another one, its role was another one, "
            "its dead letter queue was another one",
        )
    ]
    now = there("hunt-weekly")
    assert (now["ScheduleExpression"], now["FlexibleTimeWindow"]) == ("rate(7 days)", {"Mode": "OFF"})
    assert now["Target"]["Arn"] == FUNCTION + "-2"
    assert "DeadLetterConfig" not in now["Target"]


def test_a_schedule_that_somebody_disabled_stays_disabled(sync, there, clients):
    sync(WEEKLY)
    told = ("Arn", "CreationDate", "LastModificationDate", "ResponseMetadata", "State")
    request = {key: value for key, value in there("hunt-weekly").items() if key not in told}
    request["ScheduleExpressionTimezone"] = "UTC"
    clients.call("scheduler", "update_schedule", **request, State="DISABLED", KmsKeyArn="arn:aws:kms:::key/k")
    (step,) = sync(WEEKLY)
    assert (step[0], step[2].endswith("it is disabled in AWS, and stays so")) == ("change", True)
    assert (there("hunt-weekly")["State"], there("hunt-weekly")["KmsKeyArn"]) == (
        "DISABLED",
        "arn:aws:kms:::key/k",
    )
    assert sync(WEEKLY)[0][0] == "keep"


def test_what_is_gone_from_the_configuration_is_removed(sync, clients, home):
    sync(WEEKLY, DAILY)
    assert sync(DAILY)[-1] == ("remove", "hunt-weekly", "")
    assert [schedule["Name"] for schedule in find(clients, home)] == ["hunt-daily"]


def test_what_others_made_is_never_touched(sync, add, there):
    add("stack-follow", '{"follow": true}')
    add("stack-hunt", '{"hunt": "weekly", "scheduled_at": "<aws.scheduler.scheduled-time>"}')
    add("hunt-party", "invitations", target="arn:aws:lambda:eu-west-1:123456789012:function:other")
    before = [there(name) for name in ("stack-follow", "stack-hunt", "hunt-party")]
    assert sync(DAILY) == [("create", "hunt-daily", "rate(1 day) Etc/UTC")]
    assert sync() == [("remove", "hunt-daily", "")]
    after = [there(name) for name in ("stack-follow", "stack-hunt", "hunt-party")]
    for schedule in before + after:
        schedule.pop("ResponseMetadata")
    assert after == before


def test_a_hunt_that_the_stack_schedules_is_left_to_it(sync, add):
    sync(WEEKLY, DAILY)
    given = json.dumps({"hunt": "weekly", "scheduled_at": "<aws.scheduler.scheduled-time>"})
    add("stack-hunt", given, State="DISABLED")
    assert sync(WEEKLY, DAILY) == [
        (
            "leave",
            "hunt-weekly",
            "stack-hunt schedules the hunt weekly, and is disabled, at rate(5 minutes) UTC; "
            "the configuration's cron(0 2 ? * SUN *) Europe/Berlin counts for nothing",
        ),
        ("keep", "hunt-daily", "rate(1 day) Etc/UTC"),
        ("remove", "hunt-weekly", ""),
    ]


def test_a_name_that_is_taken(clients, add, home):
    add("hunt-daily", "{}", target="arn:aws:lambda:eu-west-1:123456789012:function:other")
    (step,) = plan([DAILY], find(clients, home), home, 15)
    assert (step.do, step.ok) == ("leave", False)
    assert "that huntbridge did not make" in step.detail


def test_a_time_that_has_passed(sync):
    """Removed in its flexible window, or with its start still retried, it would never run."""
    once = Wanted("once", "at(2026-01-01T02:00:00)", "Etc/UTC")
    assert sync(once)[0][0] == "create"
    over = Wanted("once", "at(2026-01-01T02:00:00)", "Etc/UTC", over="has passed")
    assert sync(over) == [("leave", "hunt-once", "at(2026-01-01T02:00:00) Etc/UTC has passed")]
    assert sync() == [("remove", "hunt-once", "")]
    assert sync(over)[0][0] == "leave"
    assert sync() == []


def test_every_page_is_read(clients, sync, add):
    hunts = [Wanted(f"h{number}", "rate(1 day)", "Etc/UTC") for number in range(55)]
    sync(*hunts)
    assert {do for do, *_ in sync(*hunts)} == {"keep"}


def test_what_is_removed_already_is_no_error(clients, home):
    carry_out(clients, Step("remove", "x", request={"GroupName": home.group, "Name": "hunt-x"}))


def test_a_group_that_is_not_there(clients):
    with pytest.raises(AwsError, match="there is no schedule group nowhere in eu-west-1"):
        find(clients, Home("nowhere", FUNCTION, ROLE))


def test_why_aws_refuses_a_schedule_is_told(clients, home):
    (step,) = plan([DAILY], [], home, 15)
    with Stubber(clients.get("scheduler")) as stub:
        stub.add_client_error(
            "create_schedule", "ValidationException", "The execution role you provide must allow it."
        )
        with pytest.raises(AwsError) as caught:
            carry_out(clients, step)
    assert str(caught.value) == (
        "EventBridge Scheduler refused (ValidationException): The execution role you provide must allow it."
    )
    with Stubber(clients.get("scheduler")) as stub:
        stub.add_client_error("create_schedule", "AccessDeniedException", "no")
        with pytest.raises(AwsError, match="the role needs scheduler:CreateSchedule"):
            carry_out(clients, step)


def test_the_outputs_of_a_stack(clients):
    name = f"s-{uuid.uuid4()}"
    outputs = {"ScheduleGroup": "g", "SchedulerFunctionArn": FUNCTION, "ScheduleRoleArn": ROLE, "Other": "o"}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    clients.call("cloudformation", "create_stack", StackName=name, TemplateBody=json.dumps(template))
    assert stack_outputs(clients, name) == {"group": "g", "function_arn": FUNCTION, "role_arn": ROLE}
    with pytest.raises(AwsError, match="there is no stack nowhere in eu-west-1"):
        stack_outputs(clients, "nowhere")


def test_the_template_has_these_outputs_and_leaves_these_names(template_text):
    for output in ("ScheduleGroup", "SchedulerFunctionArn", "ScheduleRoleArn", "MissedQueueArn"):
        assert f"\n  {output}:\n" in template_text
    assert "Name: hunt-" not in template_text
    for setting in (
        """Input: !Sub '{"hunt": "${HuntName}", "scheduled_at": "<aws.scheduler.scheduled-time>"}'""",
        "RetryPolicy: {MaximumRetryAttempts: 30, MaximumEventAgeInSeconds: 21600}",
    ):
        assert setting in template_text


@pytest.fixture
def template_text(request) -> str:
    root: Path = request.config.rootpath
    return (root / "template.yaml").read_text()
