"""The section of a Slack channel, and how an owner is named in Slack."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
)

from shared.config.destinations.pace import Pace
from shared.config.types import FilePath, OneOrMany, Section, at_most_two, of_form
from shared.secrets import SecretRef

SLACK_CHANNEL_ID = r"^[CGD][A-Z0-9]{8,20}$"


_SLACK_CHANNEL = r"^([CGD][A-Z0-9]{8,20}|#[^\s#@<>&,.]{1,80})$"


_SLACK_USER = r"^[UWS][A-Z0-9]{8,20}$"


def _slack_host(text: str) -> str:
    loopback = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}", text)
    if text not in ("slack.com", "slack-gov.com") and not loopback:
        raise ValueError("must be slack.com or slack-gov.com, or a loopback address such as 127.0.0.1:8081")
    return text


_SlackChannel = Annotated[
    str,
    AfterValidator(
        of_form(_SLACK_CHANNEL, 'must be a channel\'s id such as C0123456789, or its name in quotes, "#soc"')
    ),
    Field(json_schema_extra={"pattern": _SLACK_CHANNEL}),
]


_SLACK_PERSON = r"^[UW][A-Z0-9]{8,20}$"


_SlackPerson = Annotated[
    str,
    AfterValidator(
        of_form(_SLACK_PERSON, "must be a user's id such as U0123456789, and no name or user group")
    ),
    Field(json_schema_extra={"pattern": _SLACK_PERSON}),
]


def _somebody(people: tuple[str, ...]) -> tuple[str, ...]:
    if not people:
        raise ValueError("is empty: leave it out if everybody in the channel may acknowledge")
    return people


class SlackConfig(Section):
    """A Slack channel, through an incoming webhook, or by a bot token and with one thread for each case."""

    type: Literal["slack"]
    webhook_url: SecretRef | None = Field(
        None, description="URL of the incoming webhook, as a secret reference"
    )
    token: SecretRef | None = Field(
        None, description="bot token of the app, xoxb-…, as a secret reference; with channel"
    )
    channel: _SlackChannel | None = Field(
        None, description="id of the channel, such as C0123456789, or its name in quotes, such as #soc"
    )
    host: Annotated[str, AfterValidator(_slack_host)] | None = Field(
        None,
        description="with token: slack-gov.com for GovSlack; by default slack.com. A loopback address with a "
        "port, such as 127.0.0.1:8081, reaches a simulation on this machine",
    )
    signing_secret: Annotated[
        tuple[SecretRef, ...],
        AfterValidator(at_most_two),
        Field(json_schema_extra={"maxItems": 2}),
        OneOrMany(),
    ] = Field(
        (),
        description="with token: the app's signing secret, as a secret reference, for buttons that work; "
        "two during a rotation",
    )
    may_acknowledge: (
        Annotated[
            tuple[_SlackPerson, ...],
            AfterValidator(_somebody),
            Field(json_schema_extra={"minItems": 1}),
            OneOrMany(),
        ]
        | None
    ) = Field(
        None,
        description="with signing_secret: ids of the users who may click Acknowledge; by default everybody "
        "in the channel",
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the CA, such as a proxy's, that alone is trusted; from this file's folder",
    )
    pace: Pace = None

    @property
    def api_url(self) -> str:
        """Where the methods of Slack's Web API are. Only a simulation on this machine needs no TLS."""
        host = self.host or "slack.com"
        return f"{'http' if ':' in host else 'https'}://{host}/api/"


SlackUser = Annotated[
    str,
    AfterValidator(
        of_form(
            _SLACK_USER, "must be the id of a user, U0123456789, or of a user group, S0123456789, in Slack"
        )
    ),
    Field(json_schema_extra={"pattern": _SLACK_USER}),
]
