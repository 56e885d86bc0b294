"""`huntbridge schedules sync`, as a person would call it, against moto's server."""

from __future__ import annotations

import json
import uuid

import boto3
import pytest
from click.testing import CliRunner

from cli.main import main
from shared.aws.clients import Clients
from shared.aws.errors import AwsError
from tests.moto_server import moto_server

REGION = "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:huntbridge-scheduler"
ROLE = "arn:aws:iam::123456789012:role/huntbridge-schedules"
MISSED = f"arn:aws:sqs:{REGION}:123456789012:huntbridge-missed"
WEEKLY = 'weekly: {schedule: "cron(0 2 ? * SUN *)", timezone: Europe/Berlin, targets: *systems}'
DAILY = "daily: {schedule: rate(1 day), targets: *systems}"
ON_DEMAND = "on-demand: {targets: &systems [{instance: i-0123456789abcdef0, region: us-east-1}]}"


@pytest.fixture(scope="module")
def endpoint():
    with moto_server() as url:
        yield url


@pytest.fixture
def environ(endpoint, tmp_path):
    none = str(tmp_path / "none")
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": None,
        "AWS_PROFILE": None,
        "AWS_SHARED_CREDENTIALS_FILE": none,
        "AWS_CONFIG_FILE": none,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HUNTBRIDGE_CONFIG": None,
    }


@pytest.fixture
def scheduler(endpoint):
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("scheduler", region_name=REGION, endpoint_url=endpoint, **keys)


@pytest.fixture
def group(scheduler):
    name = f"g-{uuid.uuid4()}"
    scheduler.create_schedule_group(Name=name)
    return name


@pytest.fixture
def sync(tmp_path, monkeypatch, environ, group):
    """Writes the hunts into the configuration and runs the command."""
    monkeypatch.chdir(tmp_path)

    def run(hunts: list[str], *args: str, **more: str):
        lines = "".join(f"  {hunt}\n" for hunt in [ON_DEMAND, *hunts])
        (tmp_path / "huntbridge.yaml").write_text(
            f"platform: {{url: https://cado.example, api_key: env:NOT_SET}}\nhunts:\n{lines}"
        )
        if not any(arg in ("--stack", "--group") for arg in args):
            args = ("--group", group, "--function-arn", FUNCTION, "--role-arn", ROLE, *args)
        return CliRunner().invoke(
            main, ["schedules", "sync", *args], env={**environ, **more}, catch_exceptions=False
        )

    return run


@pytest.fixture
def there(scheduler, group):
    return lambda: {schedule["Name"] for schedule in scheduler.list_schedules(GroupName=group)["Schedules"]}


def test_from_nothing_to_changes_to_nothing(sync, group, there):
    result = sync([WEEKLY, DAILY])
    assert (result.exit_code, result.stdout) == (
        0,
        "created: hunt-weekly, cron(0 2 ? * SUN *) Europe/Berlin\n"
        "created: hunt-daily, rate(1 day) Etc/UTC\n"
        f"group {group}: 2 created\n",
    )
    assert there() == {"hunt-weekly", "hunt-daily"}

    result = sync([WEEKLY.replace("SUN", "MON")])
    assert (result.exit_code, result.stdout) == (
        0,
        "changed: hunt-weekly, cron(0 2 ? * MON *) Europe/Berlin, its schedule was cron(0 2 ? * SUN *)\n"
        "removed: hunt-daily\n"
        f"group {group}: 1 changed, 1 removed\n",
    )
    assert there() == {"hunt-weekly"}

    result = sync([])
    assert (result.exit_code, there()) == (0, set())
    assert sync([]).stdout == f"group {group}: no hunt has a schedule\n"


def test_a_dry_run_does_nothing(sync, group, there):
    sync([DAILY])
    result = sync([WEEKLY], "--dry-run")
    assert (result.exit_code, result.stdout) == (
        0,
        "would be created: hunt-weekly, cron(0 2 ? * SUN *) Europe/Berlin\n"
        "would be removed: hunt-daily\n"
        f"group {group}: 1 created, 1 removed (dry run: nothing was done)\n",
    )
    assert there() == {"hunt-daily"}


def test_what_is_missing_comes_from_the_stack(sync, scheduler, endpoint, group, environ):
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    outputs = {
        "ScheduleGroup": group,
        "SchedulerFunctionArn": FUNCTION,
        "ScheduleRoleArn": ROLE,
        "MissedQueueArn": MISSED,
    }
    boto3.client("cloudformation", region_name=REGION, endpoint_url=endpoint, **keys).create_stack(
        StackName="huntbridge",
        TemplateBody=json.dumps(
            {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {key: {"Value": value} for key, value in outputs.items()},
            }
        ),
    )
    result = sync([DAILY], "--stack", "huntbridge", "--role-arn", f"{ROLE}-2", "--window", "0", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "group": group,
        "dry_run": False,
        "schedules": [
            {"schedule": "hunt-daily", "did": "created", "detail": "rate(1 day) Etc/UTC", "ok": True}
        ],
    }
    made = scheduler.get_schedule(GroupName=group, Name="hunt-daily")
    assert made["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = made["Target"]
    assert (target["Arn"], target["RoleArn"], target["DeadLetterConfig"]) == (
        FUNCTION,
        f"{ROLE}-2",
        {"Arn": MISSED},
    )
    result = sync([DAILY], "--stack", "another")
    assert (result.exit_code, result.stderr) == (1, f"Error: there is no stack another in {REGION}\n")


def test_one_that_fails_is_told_and_the_others_are_done(sync, scheduler, group, there):
    scheduler.create_schedule(
        GroupName=group,
        Name="hunt-daily",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:eu-west-1:123456789012:other", "RoleArn": ROLE},
    )
    result = sync([DAILY, WEEKLY])
    assert result.exit_code == 1
    assert result.stdout.startswith(
        "left: hunt-daily, there is a schedule of this name that huntbridge did not make"
    )
    assert "created: hunt-weekly" in result.stdout
    assert result.stderr == "Error: not every hunt has its schedule; to run this again does no harm\n"
    assert scheduler.get_schedule(GroupName=group, Name="hunt-daily")["ScheduleExpression"] == "rate(1 hour)"


def test_a_call_that_fails_is_told_and_the_others_are_done(sync, monkeypatch, group, there):
    call = Clients.call

    def refusing(self, service, operation, **request):
        if operation == "create_schedule" and request["Name"] == "hunt-weekly":
            raise AwsError("access denied by EventBridge Scheduler: the role needs scheduler:CreateSchedule")
        return call(self, service, operation, **request)

    monkeypatch.setattr(Clients, "call", refusing)
    result = sync([WEEKLY, DAILY])
    assert (result.exit_code, there()) == (1, {"hunt-daily"})
    assert result.stdout == (
        "failed: hunt-weekly, could not be created: access denied by EventBridge Scheduler: "
        "the role needs scheduler:CreateSchedule\n"
        "created: hunt-daily, rate(1 day) Etc/UTC\n"
        f"group {group}: 1 failed, 1 created\n"
    )


def test_a_time_that_has_passed_gets_no_schedule(sync, there):
    result = sync(["once: {schedule: 'at(2026-01-01T02:00:00)', targets: *systems}"])
    assert (result.exit_code, there()) == (0, set())
    assert "left: hunt-once, at(2026-01-01T02:00:00) Etc/UTC has passed" in result.stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--group", "g"], 2, "give --function-arn, --role-arn (or --stack)"),
        (["--group", "nowhere", "--function-arn", FUNCTION, "--role-arn", ROLE], 1,
         "there is no schedule group nowhere in eu-west-1"),
        (["--window", "1441"], 2, "--window"),
    ],
)  # fmt: skip
def test_a_command_that_is_wrong(sync, args, code, said):
    result = sync([DAILY], *args)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


def test_without_credentials_it_says_so(sync):
    result = sync([DAILY], AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert (result.exit_code, result.stderr) == (1, "Error: no AWS credentials on this machine\n")
