"""A length of time in the configuration: a number of seconds, or a text such as 30m."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.config.suggestions import quoted

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PATTERN = "^[0-9]{1,8}[smhd]$"


class Duration:
    """Accepts a text such as `30m` where a number of seconds is expected: seconds, minutes, hours or days."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(seconds_of, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "pattern": _PATTERN}]}


def seconds_of(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(_PATTERN, value):
        raise ValueError(f"{quoted(value)} is no time: write seconds, or a text such as 90s, 30m, 2h or 1d")
    return int(value[:-1]) * _UNITS[value[-1]]


def in_words(seconds: int) -> str:
    """The shortest text that a person would write, such as 30m."""
    for unit in ("d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
