"""The keys `active` and `outside` of a route: the hours in which its destinations read alarms, and what
becomes of alarms outside these hours."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from shared.config.suggestions import advice, quoted
from shared.config.timezones import check_timezone
from shared.config.types import DestinationName, OneOrMany, Section, as_list
from shared.models.active_hours import DAY_NAMES, WHOLE_DAY, ActiveHours, Window

_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOST_WINDOWS = 10
_DAYS_EXAMPLE = "such as Mon-Fri, Sat or [Mon, Wed]"
_HOURS_EXAMPLE = 'such as "08:00-18:00", or "22:00-06:00" past midnight'
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def _days(value: Any) -> Any:
    texts = as_list(value)
    if not isinstance(texts, list | tuple):
        raise ValueError(f"is no list of days: write days {_DAYS_EXAMPLE}")
    found = {day for text in texts for part in str(text).split(",") for day in _range(part.strip())}
    if not found:
        raise ValueError(f"names no day, so the route would never be open: write days {_DAYS_EXAMPLE}")
    return tuple(sorted(found))


def _range(text: str) -> list[int]:
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash:
        return [_day(first)]
    begin, end = _day(first), _day(last)
    return [day % 7 for day in range(begin, end + 1 if begin <= end else end + 8)]


def _day(text: str) -> int:
    lower = text.lower()
    for number, name in enumerate(_FULL_NAMES):
        if lower in (name, name[:3]):
            return number
    raise ValueError(f"{quoted(text)} is no day{advice(text, DAY_NAMES)}")


def _hours(value: Any) -> Any:
    texts = as_list(value)
    if not isinstance(texts, list | tuple) or not texts or len(texts) > _MOST_WINDOWS:
        raise ValueError(f"must be hours {_HOURS_EXAMPLE}; at most {_MOST_WINDOWS} of them")
    return tuple(_window(str(text)) for text in texts)


def _window(text: str) -> Window:
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", text)
    if not match:
        raise ValueError(f"{quoted(text)} is no span of hours: write one {_HOURS_EXAMPLE}")
    begin, end = _minutes(match[1], match[2], text), _minutes(match[3], match[4], text)
    if begin == end:
        raise ValueError(f'{quoted(text)} is empty: it ends when it begins; "00:00-24:00" is the whole day')
    if begin == WHOLE_DAY:
        raise ValueError(f"{quoted(text)}: hours that begin at midnight begin at 00:00")
    return Window(begin, end)


def _minutes(hour: str, minute: str, text: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > WHOLE_DAY:
        raise ValueError(f"{quoted(text)}: there is no time {hour}:{minute}")
    return minutes


class ActiveConfig(Section):
    """When the destinations of a route are read."""

    days: Annotated[
        tuple[int, ...],
        BeforeValidator(_days),
        PlainSerializer(lambda days: [DAY_NAMES[day] for day in days], return_type=list[str]),
        WithJsonSchema(_TEXTS),
    ] = Field(tuple(range(7)), description="days of the week: a name, a list, or a range such as Mon-Fri")
    hours: Annotated[
        tuple[Window, ...],
        BeforeValidator(_hours),
        PlainSerializer(lambda hours: [str(window) for window in hours], return_type=list[str]),
        WithJsonSchema(_TEXTS),
    ] = Field(
        (Window(0, WHOLE_DAY),),
        description='hours of these days such as "08:00-18:00", or a list of them; they may pass midnight',
    )
    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        "UTC", description="time zone of the days and hours, such as Europe/Berlin"
    )

    @model_validator(mode="after")
    def _check(self) -> ActiveConfig:
        if len(self.days) == 7 and Window(0, WHOLE_DAY) in self.hours:
            raise ValueError("is every hour of every day: write days or hours, or remove active")
        return self

    @property
    def times(self) -> ActiveHours:
        return ActiveHours(self.days, self.hours, self.timezone)


def _outside(value: Any) -> Any:
    if value == "hold":
        return {}
    if isinstance(value, str) or value in ({}, None):
        raise ValueError("must be hold, or {elsewhere: [the names of other destinations]}")
    return value


class OutsideConfig(Section):
    """What happens to alarms outside the active hours: they are held, or told at other destinations."""

    elsewhere: Annotated[tuple[DestinationName, ...], OneOrMany()] = Field(
        (), description="names of the destinations that get the alarms instead"
    )


Outside = Annotated[
    OutsideConfig,
    BeforeValidator(_outside, json_schema_input_type=OutsideConfig),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "hold"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["elsewhere"],
                    "properties": {"elsewhere": _TEXTS},
                },
            ]
        }
    ),
]
