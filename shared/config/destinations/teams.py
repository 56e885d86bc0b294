"""The section of a Microsoft Teams channel, and how an owner is named in Teams."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.types import FilePath, Section, matching
from shared.config.webhook_urls import check_webhook_url
from shared.secrets import SecretRef

TEAMS_USER = (
    r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[A-Za-z0-9][A-Za-z0-9._'#+-]{0,112}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$"
)
TEAMS_NAME = r"^[^\W_]([^\W_]|[ .,'’()-]){0,79}$"

_UserId = Annotated[
    str,
    AfterValidator(
        matching(
            TEAMS_USER,
            "must be the user's object id in Entra, such as 00000000-1111-2222-3333-444444444444, or the "
            "user principal name, such as jane@acme.example",
        )
    ),
    Field(json_schema_extra={"pattern": TEAMS_USER}),
]
_UserName = Annotated[
    str,
    AfterValidator(
        matching(TEAMS_NAME, "must be a name: letters, digits, spaces and . , ' ( ) -, at most 80")
    ),
    Field(json_schema_extra={"minLength": 1, "maxLength": 80}),
]


class TeamsConfig(DestinationSection):
    """A Microsoft Teams channel, through a Workflows webhook."""

    type: Literal["teams"]
    webhook_url: SecretRef = Field(description="URL of the Workflows webhook, as a secret reference")
    heartbeat_days: int | None = Field(
        None,
        ge=1,
        le=80,
        strict=True,
        description="days without a message after which a heartbeat is sent, since Microsoft switches off a "
        "workflow that was not used for 90 days; by default none is sent",
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the only CA that is trusted, such as a proxy's; relative to this "
        "file's folder",
    )
    pace: Pace = None

    @property
    def secret_url(self) -> tuple[str, SecretRef] | None:
        return "webhook_url", self.webhook_url

    @classmethod
    def check_url(cls, url: str) -> str | None:
        return check_webhook_url("teams", url)


class TeamsUserConfig(Section):
    """A user in Microsoft Teams. A workflow cannot mention groups, channels or tags."""

    id: _UserId = Field(description="the user's object id in Entra, or the user principal name")
    name: _UserName = Field(description="the name that the message shows, such as Jane Doe")
