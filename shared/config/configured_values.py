"""Walks through all values of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from shared.secrets import SecretRef


def configured_values(part: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a configuration and its place, such as `destinations.soc.webhook_url`."""
    if isinstance(part, BaseModel):
        for name, field in type(part).model_fields.items():
            key = field.alias or name
            yield from configured_values(getattr(part, name), f"{where}.{key}" if where else key)
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from configured_values(value, f"{where}.{name}")
    elif isinstance(part, tuple):
        for number, value in enumerate(part):
            yield from configured_values(value, f"{where}[{number}]")
    else:
        yield where, part


def secret_references(part: BaseModel, where: str = "") -> dict[SecretRef, str]:
    """Every reference to a secret, and the first place in the configuration that has it."""
    places: dict[SecretRef, str] = {}
    for place, value in configured_values(part, where):
        if isinstance(value, SecretRef):
            places.setdefault(value, place)
    return places
