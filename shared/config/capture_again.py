"""The section `capture_again`: whether and how often people may have the system of a case captured again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.config.durations import Duration
from shared.config.types import Section


class CaptureAgainConfig(Section):
    """Captures that people ask for from a case."""

    enabled: bool = Field(
        default=True, strict=True, description="whether pages and messages of cases offer *Capture again*"
    )
    per_day: int = Field(
        10, ge=1, le=100, strict=True, description="how many may be asked for on one day, in UTC"
    )
    per_system: Annotated[int, Duration()] = Field(
        86_400,
        ge=0,
        le=604_800,
        strict=True,
        description="seconds, or 1d, in which one system is captured again only once; at most 7d",
    )
