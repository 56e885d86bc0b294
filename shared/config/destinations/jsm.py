"""The section of alerts in Jira Service Management operations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.types import AnyUrl, FilePath, SeverityName
from shared.secrets import SecretRef

JsmPriority = Literal["P1", "P2", "P3", "P4", "P5"]
_PRIORITIES: dict[str, JsmPriority] = {
    "malicious": "P1",
    "suspicious": "P3",
    "unknown": "P3",
    "info": "P5",
}


class JsmConfig(DestinationSection):
    """Alerts of a team in Jira Service Management, through an API integration of its operations."""

    type: Literal["jsm"]
    api_key: SecretRef = Field(
        description="key of the team's API integration, as a secret reference; it is no API token of a user"
    )
    url: AnyUrl = Field(
        "https://api.atlassian.com", description="https://host of the API, such as a gateway's"
    )
    priorities: dict[SeverityName, JsmPriority] = Field(
        _PRIORITIES, description="priority of the alert for each severity, P1 to P5"
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the only CA that is trusted, such as a proxy's; relative to this "
        "file's folder",
    )
    pace: Pace = None

    @property
    def alerts_url(self) -> str:
        """The address of the alerts of the integration."""
        return f"{self.url}/jsm/ops/integration/v2/alerts"

    def priority(self, name: str) -> JsmPriority:
        """The priority. Without one an alert would be P3, so a severity that is not configured has the
        default."""
        return self.priorities.get(name) or _PRIORITIES[name]
