"""The sections `delivery` and `reminders`: how long a message is retried, and when a case is told again."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.config.types import DestinationName, OneOrMany, Section


def _check_not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no destination: nobody would be reminded")
    return names


class DeliveryConfig(Section):
    """How messages are sent."""

    retry_for: int = Field(
        86_400, gt=0, strict=True, description="seconds that a destination that is down is tried"
    )
    fallback: DestinationName | None = Field(
        None,
        description="destination that is told what could not be delivered to another one; "
        "by default the first other one",
    )


class RemindersConfig(Section):
    """Malicious cases that nobody has taken are told again."""

    after: int = Field(
        1_800,
        ge=60,
        strict=True,
        description="seconds until a case is told again, and from one time to the next",
    )
    to: Annotated[
        tuple[DestinationName, ...],
        AfterValidator(_check_not_empty),
        Field(json_schema_extra={"minItems": 1}),
        OneOrMany(),
    ] = Field(description="names of the destinations that are told")
    times: int = Field(1, ge=1, le=100, strict=True, description="how often, at most")
