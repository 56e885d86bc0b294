"""A point in time in the configuration."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_EXAMPLE = "is no time: write 2026-12-31 or 2026-12-31T18:00Z"


def _moment(value: Any) -> Any:
    """A date is its first minute in UTC, and a time without an offset is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(_EXAMPLE) from None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError(_EXAMPLE)


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]
