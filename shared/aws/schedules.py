"""The hunts' schedules in EventBridge Scheduler: hunts and what is there come in, steps from the one to the
other go out, and each step is carried out by itself.

A schedule is huntbridge's where its name and its description say so; no other is ever changed or removed.
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

_NAME = "hunt-"  # docs/deploy-aws.md; those that template.yaml makes begin with stack-
_MARK = "huntbridge: the hunt "
# As of the schedule in template.yaml: a hunt that starts late is better than none, up to the next morning.
_RETRIES = {"MaximumRetryAttempts": 30, "MaximumEventAgeInSeconds": 21_600}
_OUTPUTS = {
    "group": "ScheduleGroup",
    "function_arn": "SchedulerFunctionArn",
    "role_arn": "ScheduleRoleArn",
    "dlq_arn": "MissedQueueArn",
}

Found = Mapping[str, Any]  # a schedule, as GetSchedule tells it


@dataclass(frozen=True)
class Home:
    """The group that the schedules are in, what they start, as which role, and where what failed is kept."""

    group: str
    function_arn: str
    role_arn: str
    dlq_arn: str = ""


@dataclass(frozen=True)
class Wanted:
    hunt: str
    expression: str
    timezone: str
    over: str = ""  # why it would never start, such as "has passed"


@dataclass(frozen=True)
class Step:
    """`ok` is False where a hunt would go without its schedule."""

    do: Literal["create", "change", "remove", "keep", "leave"]
    schedule: str
    detail: str = ""
    ok: bool = True
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)


def stack_outputs(clients: Clients, stack: str) -> dict[str, str]:
    """What the outputs of a stack of template.yaml say of a `Home`, by its fields. Raises AwsError."""
    found = outputs(clients, stack)
    return {name: found[key] for name, key in _OUTPUTS.items() if key in found}


def find(clients: Clients, home: Home) -> list[Found]:
    """Every schedule of the group that has a name of huntbridge's or starts its function. Raises AwsError."""
    try:
        clients.call("scheduler", "get_schedule_group", Name=home.group)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise AwsError(f"there is no schedule group {home.group} in {clients.region}") from error
        raise
    found, page = [], {"GroupName": home.group}
    while True:
        answer = clients.call("scheduler", "list_schedules", **page)
        with understood("EventBridge Scheduler"):
            names = [
                one["Name"]
                for one in answer["Schedules"]
                if one["Name"].startswith(_NAME) or one["Target"]["Arn"] == home.function_arn
            ]
        for name in names:
            one = clients.call("scheduler", "get_schedule", GroupName=home.group, Name=name)
            with understood("EventBridge Scheduler"):
                found.append(_as_read(one))
        if not answer.get("NextToken"):
            return found
        page["NextToken"] = answer["NextToken"]


def plan(wanted: Sequence[Wanted], found: Sequence[Found], home: Home, window: int) -> list[Step]:
    """`window` is the flexible time window in minutes, 0 for none. Removals come last."""
    named = {one["Name"]: one for one in found}
    others = {hunt: one for one in found if not _is_own(one) and (hunt := _hunt_of(one))}
    steps, kept = [], set()
    for one in wanted:
        name = _NAME + one.hunt
        there = named.get(name)
        if other := others.get(one.hunt):
            steps.append(_left_to(other, one))
            continue
        kept.add(name)
        if there and not _is_own(there):
            told = (
                "there is a schedule of this name that huntbridge did not make: delete it, or rename the hunt"
            )
            steps.append(Step("leave", name, told, ok=False))
        elif one.over:
            steps.append(Step("leave", name, f"{one.expression} {one.timezone} {one.over}"))
        else:
            steps.append(_step(name, there, _request(name, one, home, window)))
    gone = sorted(name for name, one in named.items() if _is_own(one) and name not in kept)
    return steps + [Step("remove", name, request=_which(home, name)) for name in gone]


def carry_out(clients: Clients, step: Step) -> None:
    """Raises AwsError."""
    operation = {"create": "create_schedule", "change": "update_schedule", "remove": "delete_schedule"}
    if step.do not in operation:
        return
    try:
        clients.call("scheduler", operation[step.do], **step.request)
    except AwsError as error:
        if step.do == "remove" and error.code == "ResourceNotFoundException":
            return
        if error.code == "ValidationException":  # such as a role that the scheduler cannot take
            said = one_line(str(error.answer["Error"].get("Message", "")), 300)
            raise AwsError(f"{error}: {said}", answer=error.answer) from error
        raise


def _as_read(found: Found) -> Found:
    """A schedule with every field that is looked at later. Raises KeyError where one is missing."""
    for key in ("Name", "ScheduleExpression"):
        found[key]
    found["Target"]["Arn"]
    defaults = {"ScheduleExpressionTimezone": "UTC", "FlexibleTimeWindow": {"Mode": "OFF"}, "Description": ""}
    return {**defaults, **found}


def _is_own(found: Found) -> bool:
    return str(found["Name"]).startswith(_NAME) and str(found.get("Description") or "").startswith(_MARK)


def _hunt_of(found: Found) -> str:
    """The hunt that a schedule starts; empty where it starts something else."""
    try:
        given = json.loads(found["Target"].get("Input") or "")
    except ValueError:
        return ""
    return str(given.get("hunt", "")) if isinstance(given, dict) else ""


def _left_to(other: Found, wanted: Wanted) -> Step:
    detail = f"{other['Name']} schedules the hunt {wanted.hunt}"
    if other.get("State") == "DISABLED":
        detail += ", and is disabled"
    its = f"{other['ScheduleExpression']} {other['ScheduleExpressionTimezone']}"
    if its != (configured := f"{wanted.expression} {wanted.timezone}"):
        detail += f", at {its}; the configuration's {configured} counts for nothing"
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


def _step(name: str, there: Found | None, request: dict[str, Any]) -> Step:
    when = f"{request['ScheduleExpression']} {request['ScheduleExpressionTimezone']}"
    if there is None:
        return Step("create", name, when, request=request)
    disabled = ["it is disabled in AWS, and stays so"] if there.get("State") == "DISABLED" else []
    changes = list(_changes(there, request))
    if not changes:
        return Step("keep", name, ", ".join([when, *disabled]))
    # What an update does not name goes back to its default.
    stays = {key: there[key] for key in ("State", "KmsKeyArn") if there.get(key)}
    return Step("change", name, ", ".join([when, *changes, *disabled]), request={**request, **stays})


def _changes(there: Found, request: Mapping[str, Any]) -> Iterator[str]:
    """What would change, in words."""
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
