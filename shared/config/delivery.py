"""The sections `delivery`, `reminders` and `escalate`: how long messages are retried, and who is told of a
case that nobody takes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.config.durations import Duration, in_words
from shared.config.types import DestinationName, OneOrMany, Section

_MOST_STEPS = 20


def _check_not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no destination: nobody would be told")
    return names


_Wait = Annotated[int, Field(ge=0, le=300, strict=True), Duration()]


class DeliveryConfig(Section):
    """How messages are sent."""

    retry_for: int = Field(
        86_400,
        gt=0,
        strict=True,
        description="how long a message is retried while its destination is down, in seconds",
    )
    fallback: DestinationName | None = Field(
        None,
        description="destination that reports what could not be delivered to another one; "
        "by default the first other destination",
    )
    group_wait: _Wait = Field(
        30,
        description="alarms of one system within this time are one message: seconds, or a text such as 30s. "
        "An alarm waits so long for others where a message cannot be edited. 0: each has its own message",
    )
    group_wait_malicious: _Wait = Field(
        5, description="the same for malicious alarms, at most group_wait; 0: they do not wait"
    )


class RemindersConfig(Section):
    """Reminders of malicious cases that nobody has acknowledged."""

    after: int = Field(
        1_800,
        ge=60,
        strict=True,
        description="seconds until the first reminder of a case, and between its reminders",
    )
    to: Annotated[
        tuple[DestinationName, ...],
        AfterValidator(_check_not_empty),
        Field(json_schema_extra={"minItems": 1}),
        OneOrMany(),
    ] = Field(description="names of the destinations that get the reminders")
    times: int = Field(1, ge=1, le=100, strict=True, description="how many reminders a case gets at most")


class EscalationStepConfig(Section):
    """Further destinations for a malicious case that nobody has acknowledged for some time."""

    after: Annotated[int, Field(ge=60, le=604_800, strict=True), Duration()] = Field(
        description="seconds since the case is open, or a text such as 30m, after which the step is due"
    )
    to: Annotated[
        tuple[DestinationName, ...],
        AfterValidator(_check_not_empty),
        Field(json_schema_extra={"minItems": 1}),
        OneOrMany(),
    ] = Field(description="names of the destinations that are told then")


def _check_order(steps: tuple[EscalationStepConfig, ...]) -> tuple[EscalationStepConfig, ...]:
    if len(steps) > _MOST_STEPS:
        raise ValueError(f"has {len(steps)} steps, and at most {_MOST_STEPS} are possible")
    for number, (before, step) in enumerate(pairwise(steps), 2):
        times = f"step {number} is due after {in_words(step.after)}, and the step before it"
        if step.after == before.after:
            raise ValueError(f"{times} too: write one step with the destinations of both in `to`")
        if step.after < before.after:
            raise ValueError(
                f"{times} after {in_words(before.after)}: write the steps in the order of their times"
            )
    return steps


Escalation = Annotated[tuple[EscalationStepConfig, ...], AfterValidator(_check_order)]
