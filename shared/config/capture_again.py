"""The section `capture_again`: people may capture the system of a case again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.config.durations import Duration
from shared.config.types import Section


class CaptureAgainConfig(Section):
    """Whether and how often."""

    enabled: bool = Field(default=True, strict=True, description="offer it in the console and in Slack")
    per_day: int = Field(10, gt=0, strict=True, description="how many captures a day people may start so")
    per_system: Annotated[int, Duration()] = Field(
        86_400, ge=0, strict=True, description="seconds between two such captures of one system"
    )
