"""Turns any of the models into JSON and back, so that a queue or the store can hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def prepare(*kinds: type) -> None:
    """Build what `dump` and `load` need for these models. Otherwise the first of each builds it, which takes
    20 ms for a large one."""
    for kind in kinds:
        _adapter(kind)


def dump(thing: object) -> dict[str, Any]:
    """A model as what JSON can hold."""
    dumped: dict[str, Any] = _adapter(type(thing)).dump_python(thing, mode="json", by_alias=True)
    return dumped


def dump_short(thing: object) -> dict[str, Any]:
    """The same without the fields that have their defaults. It is for what is stored in great numbers: an
    alarm with little known about it takes less than half the room."""
    dumped: dict[str, Any] = _adapter(type(thing)).dump_python(
        thing, mode="json", by_alias=True, exclude_defaults=True
    )
    return dumped


def load(kind: type[T], data: Mapping[str, Any] | str | bytes) -> T:
    """A model from what `dump` returned, or from its JSON text. Raises pydantic.ValidationError for data of
    another shape."""
    if isinstance(data, str | bytes):
        data = json.loads(data)
    loaded: T = _adapter(kind).validate_python(data)
    return loaded
