"""The section `tests`: examples of alarms, and the destinations that each must be sent to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.config.moments import Moment
from shared.config.types import DestinationName, KindName, OneOrMany, Section, SeverityName, Text


class RouteTestConfig(Section):
    """One alarm and its destinations. Keys that are left out are not known of the alarm."""

    name: Text | None = Field(None, description="what the test is about; by default its number")
    event: Text | None = Field(None, description="kind of event; by default processing_with_alarms")
    severity: SeverityName | None = Field(None, description="severity of the alarm; by default unknown")
    hunt: Text | None = Field(None, description="name of the hunt that the alarm belongs to")
    project: Text | None = Field(None, description="the project's name or id")
    account: Text | None = Field(None, description="the account's key in accounts, or its id")
    region: Text | None = Field(None, description="AWS region, zone or location of the system")
    kind: KindName | None = Field(None, description="kind of the system, such as ec2 or azure_vm")
    instance: Text | None = Field(None, description="the system's instance id or its name")
    tags: dict[str, str] = Field({}, description="tags or labels of the system: key and value")
    at: Moment | None = Field(
        None,
        description="when the alarm comes; by default within the active hours of every route",
    )
    to: Annotated[tuple[DestinationName, ...], OneOrMany()] = Field(
        description="exactly these destinations must get it, in any order"
    )
    held: Annotated[tuple[DestinationName, ...], OneOrMany()] | None = Field(
        None,
        description="exactly these destinations must get it later, since a route holds it; by default it is "
        "not tested when they get it",
    )
