"""Keeps the schedules in EventBridge Scheduler in step with the hunts of the configuration.

`find` reads the schedules, `plan` compares them with the wanted ones and returns steps, and `carry_out` does
one step. A schedule belongs to huntbridge if its name and its description say so. No other schedule is
changed or removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.aws.stack import outputs
from shared.text import one_line

_NAME = "hunt-"  # see docs/operate/aws.md; the schedules of template.yaml begin with stack-
_MARK = "huntbridge: the hunt "
# The same as in template.yaml. A hunt that starts late, up to the next morning, is better than none.
_RETRIES = {"MaximumRetryAttempts": 30, "MaximumEventAgeInSeconds": 21_600}
_OUTPUTS = {
    "group": "ScheduleGroup",
    "function_arn": "SchedulerFunctionArn",
    "role_arn": "ScheduleRoleArn",
    "dlq_arn": "MissedQueueArn",
}

Existing = Mapping[str, Any]  # a schedule in AWS, as GetSchedule returns it


@dataclass(frozen=True)
class Home:
    """The group of the schedules, the function that they start, their role, and their dead letter queue."""

    group: str
    function_arn: str
    role_arn: str
    dlq_arn: str = ""


@dataclass(frozen=True)
class Wanted:
    """The schedule of a hunt in the configuration."""

    hunt: str
    expression: str
    timezone: str
    over: str = ""  # why it would never start the hunt, such as "has passed"


@dataclass(frozen=True)
class Step:
    """`ok` is False if the hunt has no schedule after this step."""

    do: Literal["create", "change", "remove", "keep", "leave"]
    schedule: str
    detail: str = ""
    ok: bool = True
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)


def stack_outputs(clients: Clients, stack: str) -> dict[str, str]:
    """The fields of a `Home`, from the outputs of a stack of template.yaml. Raises AwsError."""
    told = outputs(clients, stack)
    return {name: told[key] for name, key in _OUTPUTS.items() if key in told}


def find(clients: Clients, home: Home) -> list[Existing]:
    """Every schedule of the group that has one of our names or starts our function. Raises AwsError."""
    try:
        clients.call("scheduler", "get_schedule_group", Name=home.group)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise AwsError(f"there is no schedule group {home.group} in {clients.region}") from error
        raise
    schedules: list[Existing] = []
    page = {"GroupName": home.group}
    while True:
        answer = clients.call("scheduler", "list_schedules", **page)
        with understood("EventBridge Scheduler"):
            names = [
                summary["Name"]
                for summary in answer["Schedules"]
                if summary["Name"].startswith(_NAME) or summary["Target"]["Arn"] == home.function_arn
            ]
        for name in names:
            schedule = clients.call("scheduler", "get_schedule", GroupName=home.group, Name=name)
            with understood("EventBridge Scheduler"):
                schedules.append(_complete(schedule))
        if not answer.get("NextToken"):
            return schedules
        page["NextToken"] = answer["NextToken"]


def plan(wanted: Sequence[Wanted], existing: Sequence[Existing], home: Home, window: int) -> list[Step]:
    """The steps, removals last. `window` is the flexible time window in minutes, 0 for none."""
    by_name = {schedule["Name"]: schedule for schedule in existing}
    others = {
        hunt: schedule for schedule in existing if not _is_own(schedule) and (hunt := _hunt_of(schedule))
    }
    steps, kept = [], set()
    for schedule in wanted:
        name = _NAME + schedule.hunt
        there = by_name.get(name)
        if other := others.get(schedule.hunt):
            steps.append(_left_to(other, schedule))
            continue
        kept.add(name)
        if there and not _is_own(there):
            detail = (
                "there is a schedule of this name that huntbridge did not make: delete it, or rename the hunt"
            )
            steps.append(Step("leave", name, detail, ok=False))
        elif schedule.over:
            steps.append(Step("leave", name, f"{schedule.expression} {schedule.timezone} {schedule.over}"))
        else:
            steps.append(_step(name, there, _request(name, schedule, home, window)))
    gone = sorted(name for name, there in by_name.items() if _is_own(there) and name not in kept)
    return steps + [Step("remove", name, request=_which(home, name)) for name in gone]


def carry_out(clients: Clients, step: Step) -> None:
    """Do one step. Raises AwsError."""
    operation = {"create": "create_schedule", "change": "update_schedule", "remove": "delete_schedule"}
    if step.do not in operation:
        return
    try:
        clients.call("scheduler", operation[step.do], **step.request)
    except AwsError as error:
        if step.do == "remove" and error.code == "ResourceNotFoundException":
            return
        if error.code == "ValidationException":  # such as a role that the scheduler cannot assume
            reason = one_line(str(error.answer["Error"].get("Message", "")), 300)
            raise AwsError(f"{error}: {reason}", answer=error.answer) from error
        raise


def _complete(schedule: Existing) -> Existing:
    """The schedule with the defaults of fields that it lacks. Raises KeyError if a required field is
    missing."""
    for key in ("Name", "ScheduleExpression"):
        schedule[key]
    schedule["Target"]["Arn"]
    defaults = {"ScheduleExpressionTimezone": "UTC", "FlexibleTimeWindow": {"Mode": "OFF"}, "Description": ""}
    return {**defaults, **schedule}


def _is_own(schedule: Existing) -> bool:
    return str(schedule["Name"]).startswith(_NAME) and str(schedule.get("Description") or "").startswith(
        _MARK
    )


def _hunt_of(schedule: Existing) -> str:
    """The hunt that a schedule starts; empty if it starts something else."""
    try:
        given = json.loads(schedule["Target"].get("Input") or "")
    except ValueError:
        return ""
    return str(given.get("hunt", "")) if isinstance(given, dict) else ""


def _left_to(other: Existing, wanted: Wanted) -> Step:
    detail = f"{other['Name']} schedules the hunt {wanted.hunt}"
    if other.get("State") == "DISABLED":
        detail += ", and is disabled"
    actual = f"{other['ScheduleExpression']} {other['ScheduleExpressionTimezone']}"
    if actual != (configured := f"{wanted.expression} {wanted.timezone}"):
        detail += f", at {actual}; the configuration's {configured} counts for nothing"
    return Step("leave", _NAME + wanted.hunt, detail)


def _which(home: Home, name: str) -> dict[str, Any]:
    return {"GroupName": home.group, "Name": name}


def _request(name: str, wanted: Wanted, home: Home, window: int) -> dict[str, Any]:
    target = {
        "Arn": home.function_arn,
        "RoleArn": home.role_arn,
        "Input": json.dumps({"hunt": wanted.hunt, "scheduled_at": "<aws.scheduler.scheduled-time>"}),
        "RetryPolicy": _RETRIES,
    }
    if home.dlq_arn:
        target["DeadLetterConfig"] = {"Arn": home.dlq_arn}
    return {
        **_which(home, name),
        "Description": f"{_MARK}{wanted.hunt}",
        "ScheduleExpression": wanted.expression,
        "ScheduleExpressionTimezone": wanted.timezone,
        "FlexibleTimeWindow": (
            {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window} if window else {"Mode": "OFF"}
        ),
        "Target": target,
    }


def _step(name: str, there: Existing | None, request: dict[str, Any]) -> Step:
    when = f"{request['ScheduleExpression']} {request['ScheduleExpressionTimezone']}"
    if there is None:
        return Step("create", name, when, request=request)
    disabled = ["it is disabled in AWS, and stays so"] if there.get("State") == "DISABLED" else []
    changes = list(_changes(there, request))
    if not changes:
        return Step("keep", name, ", ".join([when, *disabled]))
    # An update sets fields that it does not name to their defaults.
    stays = {key: there[key] for key in ("State", "KmsKeyArn") if there.get(key)}
    return Step("change", name, ", ".join([when, *changes, *disabled]), request={**request, **stays})


def _changes(there: Existing, request: Mapping[str, Any]) -> Iterator[str]:
    """The changes, in words."""
    for key, word in (("ScheduleExpression", "schedule"), ("ScheduleExpressionTimezone", "time zone")):
        if there[key] != request[key]:
            yield f"its {word} was {there[key]}"
    if there["FlexibleTimeWindow"] != request["FlexibleTimeWindow"]:
        yield f"its window was {there['FlexibleTimeWindow'].get('MaximumWindowInMinutes', 0)} minutes"
    words = {
        "Arn": "function",
        "RoleArn": "role",
        "Input": "input",
        "RetryPolicy": "retry policy",
        "DeadLetterConfig": "dead letter queue",
    }
    for key, word in words.items():
        if there["Target"].get(key) != request["Target"].get(key):
            yield f"its {word} was another one"
    if there["Description"] != request["Description"]:
        yield "its description was another one"
