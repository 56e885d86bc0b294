"""The section of a receiver of signed webhooks, such as a SIEM."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
)

from shared.config.destinations.pace import Pace
from shared.config.types import FilePath, OneOrMany, Section, as_reference, one_or_two
from shared.config.urls import check_webhook_url
from shared.secrets import SecretRef


def _receiver_url(text: str) -> str:
    if as_reference(text):
        return text
    if "://" not in text:
        raise ValueError("must begin with https://, or be a secret reference such as env:SIEM_URL")
    if wrong := check_webhook_url("webhook", text):
        raise ValueError(wrong)
    return text


_ReceiverUrl = Annotated[
    str,
    AfterValidator(_receiver_url),
    Field(json_schema_extra={"pattern": "^(https?://|env:|file:/|aws-)"}),
]


class WebhookDestinationConfig(Section):
    """Any receiver of a signed webhook, such as a SIEM or a SOAR."""

    type: Literal["webhook"]
    url: _ReceiverUrl = Field(
        description="where alarms are posted to; as a secret reference where whoever knows the URL may post"
    )
    secrets: Annotated[
        tuple[SecretRef, ...],
        AfterValidator(one_or_two),
        Field(json_schema_extra={"minItems": 1, "maxItems": 2}),
        OneOrMany(),
    ] = Field(description="what the messages are signed with, as secret references; two during a rotation")
    ca_bundle: FilePath | None = Field(
        None, description="PEM file of the CA that signed the receiver's certificate; from this file's folder"
    )
    pace: Pace = None

    @property
    def url_ref(self) -> SecretRef | None:
        """Where the URL is; None where `url` is the URL itself."""
        return as_reference(self.url)
