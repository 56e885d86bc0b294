"""The section of a Microsoft Teams channel, and how an owner is named in Teams."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
)

from shared.config.destinations.pace import Pace
from shared.config.types import FilePath, Section, of_form
from shared.secrets import SecretRef

TEAMS_USER = (
    r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[A-Za-z0-9][A-Za-z0-9._'#+-]{0,112}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$"
)


TEAMS_NAME = r"^[^\W_]([^\W_]|[ .,'’()-]){0,79}$"


class TeamsConfig(Section):
    """A Microsoft Teams channel, through a Workflows webhook."""

    type: Literal["teams"]
    webhook_url: SecretRef = Field(description="URL of the Workflows webhook, as a secret reference")
    heartbeat_days: int | None = Field(
        None,
        ge=1,
        le=80,
        strict=True,
        description="days without a message after which one says that huntbridge is alive: Microsoft "
        "switches a workflow off that was not used for 90; by default none does",
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the CA, such as a proxy's, that alone is trusted; from this file's folder",
    )
    pace: Pace = None


_TeamsUserId = Annotated[
    str,
    AfterValidator(
        of_form(
            TEAMS_USER,
            "must be the user's object id in Entra, such as 00000000-1111-2222-3333-444444444444, or the "
            "user principal name, such as jane@acme.example",
        )
    ),
    Field(json_schema_extra={"pattern": TEAMS_USER}),
]


_TeamsName = Annotated[
    str,
    AfterValidator(
        of_form(TEAMS_NAME, "must be a name: letters, digits, spaces and . , ' ( ) -, at most 80")
    ),
    Field(json_schema_extra={"minLength": 1, "maxLength": 80}),
]


class TeamsUserConfig(Section):
    """A user in Microsoft Teams. Groups, channels and tags cannot be called by a workflow."""

    id: _TeamsUserId = Field(description="the user's object id in Entra, or the user principal name")
    name: _TeamsName = Field(description="what stands in the message, such as Jane Doe")
