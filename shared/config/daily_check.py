"""The section `daily_check`: when everything is checked without sending anything, and what counts as old."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.config.types import Section

_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _check_time(text: str) -> str:
    if not re.fullmatch(_TIME, text):
        raise ValueError("must be a time of day in UTC such as 06:30")
    return text


_TimeOfDay = Annotated[str, AfterValidator(_check_time), Field(json_schema_extra={"pattern": _TIME})]


class DailyCheckConfig(Section):
    """Once a day, whether everything that the configuration names would work."""

    enabled: bool = Field(default=True, strict=True, description="whether there is a daily check")
    at: _TimeOfDay | None = Field(
        None,
        description="time of day in UTC such as 06:30; by default it depends on the platform's URL",
    )
    secret_age: int = Field(
        31_536_000,
        ge=86_400,
        strict=True,
        description="seconds after which huntbridge warns of an unchanged secret, if its age is known",
    )
    certificate_left: int = Field(
        1_209_600,
        ge=0,
        strict=True,
        description="how many seconds before its end huntbridge warns of the platform's certificate",
    )

    def last_due(self, now: datetime, platform_url: str) -> datetime:
        """When the last check before `now` was due. Without `at` the time depends on the platform, so that
        many installations do not ask Slack and Jira at the same minute."""
        if self.at is None:
            minute = int.from_bytes(hashlib.sha256(platform_url.encode()).digest()[:4]) % 1_440
        else:
            minute = int(self.at[:2]) * 60 + int(self.at[3:])
        due = datetime.combine(now.astimezone(UTC).date(), time(), UTC) + timedelta(minutes=minute)
        return due if due <= now else due - timedelta(days=1)
