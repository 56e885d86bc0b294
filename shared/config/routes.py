"""The section `routes`: which alarms go to which destinations."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.config.types import DestinationName, OneOrMany, Section, SeverityName, Texts


def _check_not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no destination: what matches would be lost")
    return names


class MatchConfig(Section):
    """All conditions must match; a list matches if one of its values does; `*` and `?` are wildcards."""

    event: Texts = Field((), description="kind of event, such as processing_with_alarms")
    severity: Annotated[tuple[SeverityName, ...], OneOrMany()] = Field(
        (), description="severity of the alarm"
    )
    hunt: Texts = Field((), description="name of the hunt")
    project: Texts = Field((), description="the project's name or id")
    account: Texts = Field((), description="the account's key in accounts, or its id")
    region: Texts = Field((), description="AWS region of the system")
    instance: Texts = Field((), description="the system's instance id or its tag Name")
    tags: dict[str, Texts] = Field({}, description="EC2 tags of the system: key and values")


class RouteConfig(Section):
    """Where matching alarms go."""

    match: MatchConfig = Field(MatchConfig(), description="what must match; empty takes every alarm")
    to: Annotated[
        tuple[DestinationName, ...],
        AfterValidator(_check_not_empty),
        Field(json_schema_extra={"minItems": 1}),
        OneOrMany(),
    ] = Field(description="names of destinations")
    go_on: bool = Field(default=False, alias="continue", strict=True, description="also try the routes below")
