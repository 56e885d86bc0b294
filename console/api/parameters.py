"""The parameters of the JSON API: what each accepts, as a JSON Schema and as the code that reads it.

Every parameter is bounded. A value that does not fit its schema is answered with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

_WHOLE_NUMBER = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
# As in RFC 3339. `datetime.fromisoformat` accepts more forms, which the schema does not promise.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,30})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LONGEST_TEXT = 600  # characters; a case's key and an event's id are shorter
LONGEST_TOKEN = 2_000
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_TOKEN}}}", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class BadParameter(Exception):
    """The request cannot be answered as it is. The text is a sentence for the person who sent it."""


class Values(Protocol):
    """The query of a request, as werkzeug has it: each name with a list of values."""

    def keys(self) -> Any: ...
    def getlist(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class Parameter:
    """One parameter of the query. `read` raises BadParameter."""

    name: str
    about: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    default: Any = None
    required: bool = False

    def described(self) -> dict[str, Any]:
        """The parameter as OpenAPI describes it."""
        return {
            "name": self.name,
            "in": "query",
            "description": self.about,
            "required": self.required,
            "schema": dict(self.schema),
        }


def text(name: str, about: str, *, required: bool = False, longest: int = LONGEST_TEXT) -> Parameter:
    """An empty text is the same as none."""

    def read(value: str) -> str:
        if len(value) > longest or _CONTROL.search(value):
            raise BadParameter(f"{name} must have at most {longest} characters, and no control characters.")
        return value

    # A pattern, so that a reader of the description knows that control characters are refused.
    schema = {"type": "string", "maxLength": longest, "pattern": r"^[^\u0000-\u001f\u007f]*$"}
    return Parameter(name, about, schema, read, "", required)


def one_of(name: str, about: str, values: Sequence[str], default: str | None = None) -> Parameter:
    def read(value: str) -> str:
        if value not in values:
            raise BadParameter(f"{name} must be one of: {', '.join(values)}.")
        return value

    schema: dict[str, Any] = {"type": "string", "enum": list(values)}
    return Parameter(name, about, schema | ({"default": default} if default else {}), read, default)


def whole_number(name: str, about: str, *, least: int, most: int, default: int) -> Parameter:
    def read(value: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(value) or not least <= int(value) <= most:
            raise BadParameter(f"{name} must be a whole number from {least} to {most}.")
        return int(value)

    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name, about, schema, read, default)


def moment(name: str, about: str) -> Parameter:
    def read(value: str) -> datetime:
        try:
            if not _MOMENT.fullmatch(value):
                raise ValueError
            return _in_utc(datetime.fromisoformat(value.upper()))
        except ValueError:
            raise BadParameter(f"{name} must be a time such as 2026-11-29T10:42:00Z.") from None

    return Parameter(name, about, {"type": "string", "format": "date-time", "maxLength": 60}, read)


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first or the last day of the calendar, in a zone that has another day
        return at.replace(tzinfo=UTC)


LIMIT = whole_number("limit", "How many rows the answer has at most.", least=1, most=200, default=50)


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise BadParameter("page must be the token `next` of an answer.")
    return value


PAGE = Parameter(
    "page",
    "The token `next` of the page before. Without it, the first page. 404 if it is of another list.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_TOKEN, "pattern": "^[A-Za-z0-9_-]+$"},
    _token,
    "",
)


def read_all(parameters: Sequence[Parameter], given: Values) -> dict[str, Any]:
    """The value of each parameter, by its name. Raises BadParameter for the first mistake."""
    known = {parameter.name for parameter in parameters}
    if unknown := sorted(set(given.keys()) - known):
        names = ", ".join(sorted(known)) or "none"
        raise BadParameter(f"There is no parameter {unknown[0][:60]!r} here; there are: {names}.")
    return {parameter.name: _read(parameter, given.getlist(parameter.name)) for parameter in parameters}


def _read(parameter: Parameter, values: list[str]) -> Any:
    if not values:
        if parameter.required:
            raise BadParameter(f"{parameter.name} is missing.")
        return parameter.default
    if len(values) > 1:
        raise BadParameter(f"{parameter.name} is given {len(values)} times; once is right.")
    return parameter.read(values[0])
