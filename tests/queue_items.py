"""Reads queue items as the class that a test expects."""

from __future__ import annotations

from typing import TypeVar

from shared.queues import items

C = TypeVar("C", bound=items.Content)


def decoded(kind: type[C], body: bytes) -> C:
    """The content of an item, which must be of this kind."""
    content = items.decode(body)
    assert isinstance(content, kind)
    return content
