"""The section of a PagerDuty service."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Literal

from pydantic import Field

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.errors import KeyProblem
from shared.config.types import AnyUrl, FilePath, SeverityName
from shared.secrets import SecretRef

_HOSTS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
PagerDutySeverity = Literal["critical", "error", "warning", "info"]
_SEVERITIES: dict[str, PagerDutySeverity] = {
    "malicious": "critical",
    "suspicious": "warning",
    "unknown": "warning",
    "info": "info",
}


class PagerDutyConfig(DestinationSection):
    """A PagerDuty service, through an integration of its Events API v2."""

    type: Literal["pagerduty"]
    routing_key: SecretRef = Field(
        description="integration key of the service's Events API v2 integration, as a secret reference"
    )
    region: Literal["us", "eu"] = Field("us", description="service region of the PagerDuty account")
    url: AnyUrl | None = Field(
        None,
        description="https://host that is called in place of the region's, such as a gateway's; "
        "by default none",
    )
    severities: dict[SeverityName, PagerDutySeverity] = Field(
        _SEVERITIES,
        description="PagerDuty's severity for each severity: critical, error, warning or info",
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the only CA that is trusted, such as a proxy's; relative to this "
        "file's folder",
    )
    pace: Pace = None

    @property
    def events_url(self) -> str:
        """The address that events are posted to."""
        return f"{self.url or _HOSTS[self.region]}/v2/enqueue"

    def severity(self, name: str) -> PagerDutySeverity:
        """PagerDuty's severity. PagerDuty needs one, so a severity that is not configured has the default."""
        return self.severities.get(name) or _SEVERITIES[name]

    @classmethod
    def check_keys(cls, given: Set[str]) -> Iterator[KeyProblem]:
        """The host is chosen once."""
        if {"region", "url"} <= given:
            yield "region", "has no effect beside {url}: write one of the two"
