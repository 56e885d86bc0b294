"""What both API versions of the simulated platform share: roles, routes, reading parameters, refusing.

A call reads typed values from a Flask request and raises `Refused` if they are wrong. Each version writes its
answers and refusals in its own form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Request

from demo.platform.hooks import Webhooks
from demo.platform.records import SimInstance, User
from demo.platform.world import World

ADMIN, PLATFORM, LEAD, ANALYST, READER = ROLES = (
    "Administrator",
    "Platform Administrator",
    "Lead Analyst",
    "Analyst",
    "Read Only Analyst",
)

Version = tuple[int, int]


class Refused(Exception):
    """The platform refuses the request, with an HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Page:
    number: int
    size: int
    total: int

    @property
    def total_pages(self) -> int:
        return -(-self.total // self.size)


@dataclass(frozen=True)
class Field:
    """One field of a JSON body."""

    kind: type
    required: bool = False
    choices: tuple[str, ...] = ()
    longest: int | None = None  # characters; a field with a limit must not be empty


_WORDS = {str: "a string", int: "an integer", bool: "a boolean", dict: "an object", list: "an array"}


@dataclass
class Call:
    """One authenticated request."""

    request: Request
    world: World
    webhooks: Webhooks
    version: Version  # major and minor
    version_text: str
    user: User
    now: float

    def body(self, fields: Mapping[str, Field]) -> dict[str, Any]:
        """The known fields of the JSON body; unknown fields are ignored. Raises Refused (400)."""
        body = self.request.get_json(silent=True)
        if not isinstance(body, dict):
            raise Refused(400, "The request body must be a JSON object")
        return {
            name: _checked(name, body.get(name), field)
            for name, field in fields.items()
            if _given(name, body, field)
        }

    @staticmethod
    def checked(name: str, value: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
        """Check the known fields of an object inside the body. Raises Refused (400)."""
        for field in fields.keys() & value.keys():
            _checked(f"{name}.{field}", value[field], fields[field])

    def text(self, name: str, choices: tuple[str, ...] = (), *, required: bool = False) -> str | None:
        value = self.request.args.get(name)
        if value is None and required:
            raise Refused(400, f"{name} is required")
        if value is not None and choices and value not in choices:
            raise Refused(400, f"{name} must be one of: {', '.join(choices)}")
        return value

    def number(self, name: str, *, required: bool = False) -> int | None:
        value = self.text(name, required=required)
        return None if value is None else _integer(name, value)

    def seconds(self, name: str) -> float | None:
        value = self.text(name)
        try:
            return None if value is None else float(value)
        except ValueError:
            raise Refused(400, f"{name} must be a number") from None

    def numbers(self, name: str, *, required: bool = False) -> list[int]:
        """An array parameter, which is repeated in the query as in OpenAPI's default style."""
        values = self.request.args.getlist(name)
        if required and not values:
            raise Refused(400, f"{name} is required")
        return [_integer(name, value) for value in values]

    def texts(self, name: str, choices: tuple[str, ...] = ()) -> list[str]:
        values = self.request.args.getlist(name)
        if choices and not set(values) <= set(choices):
            raise Refused(400, f"{name} must be one of: {', '.join(choices)}")
        return values

    def flag(self, name: str) -> bool | None:
        value = self.text(name, ("true", "false", "True", "False", "1", "0"))
        return None if value is None else value in ("true", "True", "1")

    def page(
        self, items: list[Any], *, default: int = 10, most: int = 100, required: bool = False
    ) -> tuple[list[Any], Page]:
        """The requested part of `items`. A page larger than `most` is cut, and `Page` says so. `required`:
        the request must name both the page and its size."""
        number = self.number("page", required=required)
        size = self.number("per_page", required=required)
        number, size = 1 if number is None else number, default if size is None else size
        if number < 1 or size < 1:
            raise Refused(400, "page and per_page must be 1 or more")
        size = min(size, most)
        return items[(number - 1) * size : number * size], Page(number, size, len(items))

    def instance(self, instance_id: str, region: str, account: str) -> SimInstance:
        """The instance to import. Raises Refused."""
        self.account(account, "aws")
        instance = self.world.fleet.get((account, region, instance_id))
        if instance is None:
            raise Refused(404, f"Instance {instance_id} was not found in {region}")
        if not instance.importable:
            raise Refused(400, f"Instance {instance_id} cannot be imported")
        return instance

    def account(self, account: str, provider: str) -> str:
        """The name of an account of this provider. Raises Refused."""
        if self.world.accounts.get(account) != provider:
            raise Refused(400, f"Account {account} does not exist")
        return account


class Answer(Protocol):
    @property
    def status(self) -> int: ...

    def json(self) -> Any: ...


@dataclass(frozen=True)
class Route:
    """One call of the API. `rule` is the path, such as `/projects/{project_id}`. A part whose name ends in
    `_id` is an integer, any other is text."""

    method: str
    rule: str
    handler: Callable[..., Answer]
    roles: tuple[str, ...]
    since: Version = (0, 0)
    locked: bool = True  # hold the world's lock; False for a handler that sends a webhook


def sorted_by(items: list[Any], order: str, keys: Mapping[str, Callable[[Any], Any]]) -> list[Any]:
    """Sorted by the key that `order` names; a minus before the key means descending."""
    return sorted(items, key=keys[order.removeprefix("-")], reverse=order.startswith("-"))


def orders(keys: Mapping[str, Callable[[Any], Any]]) -> tuple[str, ...]:
    """The values that `order_by` may have."""
    return tuple(sign + key for key in keys for sign in ("", "-"))


def _given(name: str, body: Mapping[str, Any], field: Field) -> bool:
    if name not in body and field.required:
        raise Refused(400, f"{name} is a required field")
    return name in body


def _checked(name: str, value: Any, field: Field) -> Any:
    if not isinstance(value, field.kind) or (field.kind is int and isinstance(value, bool)):
        raise Refused(400, f"{name} must be {_WORDS[field.kind]}")
    if field.choices and value not in field.choices:
        raise Refused(400, f"{name} must be one of: {', '.join(field.choices)}")
    if field.longest is not None and not 1 <= len(str(value)) <= field.longest:
        raise Refused(400, f"{name} must have 1 to {field.longest} characters")
    return value


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise Refused(400, f"{name} must be an integer") from None
