"""The section `keep`: how long what is stored is kept after its last change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from shared.config.durations import Duration
from shared.config.types import Section

_DAY = 86_400  # seconds
_LEAST, _MOST = 60, 3_650  # days
_Time = Annotated[int, Field(ge=_LEAST * _DAY, le=_MOST * _DAY, strict=True), Duration()]


class KeepConfig(Section):
    """How long what is stored is kept after its last change. What open cases refer to is kept longer."""

    hunts: _Time = Field(400 * _DAY, description="seconds, or a text such as 400d: hunts")
    captures: _Time = Field(400 * _DAY, description="captures, and what is known of systems")
    cases: _Time = Field(400 * _DAY, description="closed cases, and where they are at each destination")
    alarms: _Time = Field(180 * _DAY, description="events and their alarms")
    deliveries: _Time = Field(180 * _DAY, description="deliveries and digests")
    audit: _Time = Field(400 * _DAY, description="the audit log")

    @property
    def days(self) -> Mapping[str, int]:
        """As `shared.storage.kinds.days_kept` takes them."""
        return {name: math.ceil(seconds / _DAY) for name, seconds in self}
