"""What all contents of queue items share (see items.py). Imports as little as that module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def content(kind: type[T]) -> type[T]:
    """A dataclass that is frozen for mypy alone. The web function makes all of these classes at each of its
    cold starts, and to make a frozen one takes three times as long."""
    return dataclass(kind)


class Content:
    """The content of an item. `kind` is its tag. An item without a tag is of the kind whose `key` it has."""

    kind: ClassVar[str]
    key: ClassVar[str]
    newest: ClassVar[int] = 1  # the highest version of its format that is read here

    @property
    def version(self) -> int:
        """The version of the format that this item is written in."""
        return 1

    def keys(self) -> dict[str, Any]:
        """The item's own keys and their values, as JSON can hold them."""
        raise NotImplementedError

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        """The reverse of `keys`. Raises KeyError, TypeError or ValueError if the item is not complete."""
        raise NotImplementedError
