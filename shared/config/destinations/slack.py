"""The section of a Slack channel, and how an owner is named in Slack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.errors import KeyProblem
from shared.config.types import FilePath, OneOrMany, at_most_two, matching
from shared.config.webhook_urls import check_webhook_url
from shared.secrets import SecretRef

SLACK_CHANNEL_ID = r"^[CGD][A-Z0-9]{8,20}$"
_CHANNEL = r"^([CGD][A-Z0-9]{8,20}|#[^\s#@<>&,.]{1,80})$"
_USER = r"^[UW][A-Z0-9]{8,20}$"
_USER_OR_GROUP = r"^[UWS][A-Z0-9]{8,20}$"
# Slack, "Block Kit: button element", url
LONGEST_SLACK_LINK = 3_000
_WAYS = "write {webhook_url}, or {token} and {channel}"
_ONLY_WITH_TOKEN = ("channel", "host", "may_acknowledge", "signing_secret")
_WEBHOOK_HAS_ITS_CHANNEL = "a webhook URL already belongs to one channel"
_BUTTONS = ("may_acknowledge", "signing_secret")


def _check_host(text: str) -> str:
    loopback = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}", text)
    if text not in ("slack.com", "slack-gov.com") and not loopback:
        raise ValueError("must be slack.com or slack-gov.com, or a loopback address such as 127.0.0.1:8081")
    return text


def _check_users(users: tuple[str, ...]) -> tuple[str, ...]:
    if not users:
        raise ValueError("is empty: leave it out if everybody in the channel may acknowledge")
    return users


_Channel = Annotated[
    str,
    AfterValidator(
        matching(_CHANNEL, 'must be a channel\'s id such as C0123456789, or its name in quotes, "#soc"')
    ),
    Field(json_schema_extra={"pattern": _CHANNEL}),
]
_User = Annotated[
    str,
    AfterValidator(matching(_USER, "must be a user's id such as U0123456789, and no name or user group")),
    Field(json_schema_extra={"pattern": _USER}),
]
SlackOwner = Annotated[
    str,
    AfterValidator(
        matching(
            _USER_OR_GROUP,
            "must be the id of a user, U0123456789, or of a user group, S0123456789, in Slack",
        )
    ),
    Field(json_schema_extra={"pattern": _USER_OR_GROUP}),
]


class SlackConfig(DestinationSection):
    """A Slack channel, through an incoming webhook, or with a bot token and one thread for each case."""

    longest_link: ClassVar[int] = LONGEST_SLACK_LINK

    type: Literal["slack"]
    webhook_url: SecretRef | None = Field(
        None, description="URL of the incoming webhook, as a secret reference"
    )
    token: SecretRef | None = Field(
        None, description="bot token of the app, xoxb-…, as a secret reference; with channel"
    )
    channel: _Channel | None = Field(
        None, description="id of the channel, such as C0123456789, or its name in quotes, such as #soc"
    )
    host: Annotated[str, AfterValidator(_check_host)] | None = Field(
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
            tuple[_User, ...],
            AfterValidator(_check_users),
            Field(json_schema_extra={"minItems": 1}),
            OneOrMany(),
        ]
        | None
    ) = Field(
        None,
        description="with signing_secret: ids of the users who may acknowledge and close cases and mute "
        "their findings; by default everybody in the channel",
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the only CA that is trusted, such as a proxy's; relative to this "
        "file's folder",
    )
    pace: Pace = None

    @property
    def api_url(self) -> str:
        """The base URL of Slack's Web API. Only a simulation on this machine is reached without TLS."""
        host = self.host or "slack.com"
        return f"{'http' if ':' in host else 'https'}://{host}/api/"

    @property
    def secret_url(self) -> tuple[str, SecretRef] | None:
        return ("webhook_url", self.webhook_url) if self.webhook_url else None

    @classmethod
    def check_url(cls, url: str) -> str | None:
        return check_webhook_url("slack", url)

    @classmethod
    def check_keys(cls, given: Set[str]) -> Iterator[KeyProblem]:
        """A channel is reached either through a webhook URL or with a token. Other keys need the token."""
        if not given & {"webhook_url", "token"}:
            if given <= cls.model_fields.keys():  # otherwise a key is misspelt, and its own error says so
                absent = "token" if "channel" in given else "webhook_url"
                yield absent, f"{{missing}}: {_WAYS}"
        elif given >= {"webhook_url", "token"}:
            yield "", f"two ways to Slack: {_WAYS}, not both"
        elif "token" in given and "channel" not in given:
            yield "channel", '{missing}: write the channel\'s id, or its name in quotes, "#soc"'
        elif "may_acknowledge" in given and not given & {"signing_secret", "webhook_url"}:
            text = "only works with {signing_secret}: without it nobody can click Acknowledge"
            yield "may_acknowledge", text
        elif "webhook_url" in given:
            for key in _ONLY_WITH_TOKEN:
                if key in given:
                    why = "buttons need an app" if key in _BUTTONS else _WEBHOOK_HAS_ITS_CHANNEL
                    yield key, f"only works with {{token}}: {why}"
