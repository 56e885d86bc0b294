"""Keys that every log line about one piece of work has, such as the id of its event.

A worker opens a scope for each item. As soon as the code inside knows what the item is about, it adds the
keys. All later lines of the scope have them, also those of modules that know nothing of the item. A
thread does not inherit the keys; `with scope(**current())` gives them to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_keys: ContextVar[dict[str, object] | None] = ContextVar("log_keys", default=None)
_NONE: Mapping[str, object] = MappingProxyType({})


@contextmanager
def scope(**keys: object) -> Iterator[None]:
    """Give these keys, and those that are added inside, to the log lines of the block."""
    token = _keys.set({**current(), **keys})
    try:
        yield
    finally:
        _keys.reset(token)


def add(**keys: object) -> None:
    """Give these keys to all later lines of the innermost scope. Without a scope nothing happens."""
    if (inside := _keys.get()) is not None:
        inside.update(keys)


def current() -> Mapping[str, object]:
    return _keys.get() or _NONE
