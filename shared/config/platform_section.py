"""The sections `platform` and `webhook`: how to reach the platform, and what its webhook must carry."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.config.types import AnyUrl, FilePath, OneOrMany, Section, UrlForm
from shared.config.urls import https_url
from shared.secrets import SecretRef


def _normalized_fingerprint(text: str) -> str:
    digits = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("must be the certificate's SHA-256: 64 hex digits, colons allowed")
    return digits


def _check_link(text: str) -> str:
    if not re.match(r"\{url\}(/|$)", text):
        raise ValueError("must begin with {url}/, so that a link leads nowhere but to the platform")
    if set(re.findall(r"\{(.*?)\}|[{}]", text)) - {"url", "project_id", "evidence_id"}:
        raise ValueError("may hold {url}, {project_id} and {evidence_id}, and no other braces")
    return text


_PlatformUrl = Annotated[str, AfterValidator(lambda text: https_url(text, path="api")), UrlForm]
_Fingerprint = Annotated[
    str,
    AfterValidator(_normalized_fingerprint),
    Field(json_schema_extra={"pattern": "^[0-9A-Fa-f:]{64,95}$"}),
]


class PlatformConfig(Section):
    """The platform and how to reach it."""

    url: _PlatformUrl = Field(description="https://host or https://host:port of the platform")
    api_key: SecretRef = Field(description="the API key, as a secret reference")
    admin_key: SecretRef | None = Field(
        None,
        description="a Platform Administrator's API key, for `huntbridge webhook` and to check the webhook",
    )
    api_version: Literal["v3", "v2"] = Field("v3", description="v2 for old platforms that have no v3")
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the CA that signed the platform's certificate; relative to this file's "
        "folder",
    )
    fingerprint: _Fingerprint | None = Field(
        None,
        description="SHA-256 of the platform's certificate, hex, colons allowed; no other certificate "
        "is trusted",
    )
    bucket: str = Field("", description="S3 bucket that a v2 platform copies disks through")
    link: Annotated[str, AfterValidator(_check_link)] = Field(
        "{url}/projects/{project_id}",
        description="where a message's button leads; {url}, {project_id} and {evidence_id} are filled in",
    )
    retry_for: int = Field(
        3_600,
        gt=0,
        strict=True,
        description="how long a hunt keeps trying a platform that is down, in seconds",
    )
    settle_after: float = Field(
        90,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="seconds after which a capture request is repeated that got no answer and left no trace",
    )
    max_requests: int = Field(
        64,
        ge=1,
        le=256,
        strict=True,
        description="only for one machine: how many capture requests may wait for their answers at once",
    )


class WebhookConfig(Section):
    """What the platform's webhook must carry."""

    tokens: Annotated[tuple[SecretRef, ...], OneOrMany()] = Field(
        (),
        description="the tokens that are accepted, current and previous; with none every webhook is refused",
    )
    url: AnyUrl | None = Field(
        None,
        description="URL that the platform's webhook must have; checked regularly if platform.admin_key "
        "is set",
    )
    max_waiting: int = Field(
        100_000,
        gt=0,
        strict=True,
        description="only for serve: how many items may wait in [events] and [deliveries]; further "
        "webhooks are refused",
    )
    keep_free_mb: int = Field(
        64,
        ge=0,
        strict=True,
        description="only for serve: MiB of disk space that webhooks leave free for huntbridge's own records",
    )
