"""The section `on_duty`: where huntbridge finds out who is on duty."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.config.types import AnyUrl, FilePath, Section, matching
from shared.secrets import SecretRef

_HOSTS = {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"}
_SCHEDULE = r"^[A-Z0-9]{4,30}$"
_ScheduleId = Annotated[
    str,
    AfterValidator(
        matching(_SCHEDULE, "must be the schedule's id, such as PI7DH85: the last part of its address")
    ),
    Field(json_schema_extra={"pattern": _SCHEDULE}),
]


class PagerDutyScheduleConfig(Section):
    """An on-call schedule of PagerDuty."""

    token: SecretRef = Field(
        description="API access key of PagerDuty's REST API, read-only, as a secret reference"
    )
    schedule: _ScheduleId = Field(description="id of the schedule, such as PI7DH85")
    region: Literal["us", "eu"] = Field("us", description="service region of the PagerDuty account")
    url: AnyUrl | None = Field(
        None, description="https://host that is called in place of the region's; by default none"
    )
    ca_bundle: FilePath | None = Field(
        None,
        description="PEM file of the only CA that is trusted, such as a proxy's; relative to this "
        "file's folder",
    )

    @property
    def api_url(self) -> str:
        return self.url or _HOSTS[self.region]


class OnDutyConfig(Section):
    """The people on duty."""

    pagerduty: PagerDutyScheduleConfig = Field(description="the on-call schedule of PagerDuty that is asked")
