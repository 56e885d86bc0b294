"""The section `routes`: which alarms go to which destinations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from shared.config.active import ActiveConfig, Outside, OutsideConfig
from shared.config.patterns import patterns_within, values_within
from shared.config.types import DestinationName, KindName, OneOrMany, Section, SeverityName, Texts
from shared.models.severity import Severity


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
    region: Texts = Field((), description="AWS region, zone or location of the system")
    kind: Annotated[tuple[KindName, ...], OneOrMany()] = Field(
        (), description="kind of the system, such as ec2 or azure_vm"
    )
    instance: Texts = Field((), description="the system's instance id or its name")
    tags: dict[str, Texts] = Field({}, description="tags or labels of the system: key and values")


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
    active: ActiveConfig | None = Field(
        None, description="when its destinations are read; by default they are read at any time"
    )
    outside: Outside = Field(
        OutsideConfig(),
        description="what happens to alarms outside the active hours: hold, until the hours begin, or "
        "{elsewhere: [destinations]}",
    )
    hold_malicious: bool = Field(
        default=False, strict=True, description="also hold malicious alarms outside the active hours"
    )
    digest: Literal["per_hunt"] | None = Field(
        None,
        description="per_hunt: tell the suspicious alarms of a hunt in one message when the hunt has ended",
    )

    @model_validator(mode="after")
    def _check(self) -> RouteConfig:
        elsewhere = self.outside.elsewhere
        if self.active is None and "outside" in self.model_fields_set:
            raise ValueError("outside has no effect without active: write the active hours, or remove it")
        if self.active is None and self.hold_malicious:
            raise ValueError("hold_malicious has no effect without active: write the hours, or remove it")
        if elsewhere and self.hold_malicious:
            raise ValueError("hold_malicious has no effect here: outside the active hours nothing is held")
        if "elsewhere" in self.outside.model_fields_set and not elsewhere:
            raise ValueError("outside.elsewhere names no destination: what matches would be lost")
        if elsewhere and set(elsewhere) == set(self.to):
            raise ValueError("outside.elsewhere names the destinations of to: name others, or remove active")
        return self


def takes_all_of(wide: MatchConfig, narrow: MatchConfig) -> bool:
    """Whether every alarm that matches `narrow` also matches `wide`."""
    # Every alarm has an event and a severity, so a list of all their values is no condition.
    events = () if "*" in wide.event else tuple(map(str.lower, wide.event))
    severities = () if set(wide.severity) == set(Severity) else wide.severity
    keys = ("hunt", "project", "account", "region", "instance")
    return (
        patterns_within(tuple(map(str.lower, narrow.event)), events)
        and values_within(narrow.severity, severities)
        and values_within(narrow.kind, wide.kind)
        and all(patterns_within(getattr(narrow, key), getattr(wide, key)) for key in keys)
        and all(patterns_within(narrow.tags.get(key, ()), values) for key, values in wide.tags.items())
    )
