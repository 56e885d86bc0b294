"""The sections `delivery` and `reminders`: how long messages are retried, and reminders of open cases."""

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
