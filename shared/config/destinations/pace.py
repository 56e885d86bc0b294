"""The key `pace`, which every destination has: its rate limit."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Field,
)

Pace = Annotated[
    float | None,
    Field(
        gt=0,
        le=10_000,
        strict=True,
        allow_inf_nan=False,
        description="messages a second that it takes; by default what the vendor says",
    ),
]
