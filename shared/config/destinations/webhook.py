"""The section of a receiver of signed webhooks, such as a SIEM."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.types import FilePath, OneOrMany, one_or_two
from shared.config.webhook_urls import check_webhook_url
from shared.secrets import SecretRef


def _check_url_or_reference(text: str) -> str:
    if _as_reference(text):
        return text
    if "://" not in text:
        raise ValueError("must begin with https://, or be a secret reference such as env:SIEM_URL")
    if wrong := check_webhook_url("webhook", text):
        raise ValueError(wrong)
    return text


def _as_reference(text: str) -> SecretRef | None:
    return SecretRef(text) if re.fullmatch(SecretRef.PATTERN, text) else None


_UrlOrReference = Annotated[
    str,
    AfterValidator(_check_url_or_reference),
    Field(json_schema_extra={"pattern": "^(https?://|env:|file:/|aws-)"}),
]


class WebhookDestinationConfig(DestinationSection):
    """Any receiver of a signed webhook, such as a SIEM or a SOAR."""

    type: Literal["webhook"]
    url: _UrlOrReference = Field(
        description="where alarms are posted to; as a secret reference if everybody who knows the URL "
        "may post"
    )
    secrets: Annotated[
        tuple[SecretRef, ...],
        AfterValidator(one_or_two),
        Field(json_schema_extra={"minItems": 1, "maxItems": 2}),
        OneOrMany(),
    ] = Field(description="what the messages are signed with, as secret references; two during a rotation")
    format: Literal["cloudevents", "ocsf"] = Field(
        "cloudevents",
        description="cloudevents: huntbridge's own document; ocsf: alarms as Detection Findings of OCSF 1.8, "
        "and everything else as huntbridge's own document",
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the CA that signed the receiver's certificate; relative to this file's "
        "folder",
    )
    pace: Pace = None

    @property
    def url_ref(self) -> SecretRef | None:
        """The reference to the URL; None if `url` is the URL itself."""
        return _as_reference(self.url)

    @property
    def secret_url(self) -> tuple[str, SecretRef] | None:
        return ("url", self.url_ref) if self.url_ref else None

    @classmethod
    def check_url(cls, url: str) -> str | None:
        return check_webhook_url("webhook", url)
