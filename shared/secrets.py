"""Secrets by reference: the configuration says where a secret is, and it is read where it is used.

`env:NAME` and `file:/path` are answered here. A value that was read is a `Secret`, which prints as
`<secret>` wherever it ends up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class SecretError(Exception):
    """A secret cannot be had; the text names the reference and never the value."""


class Secret:
    """The value of a secret. `reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "<secret>"


class SecretRef(str):
    """Where a secret is, such as `env:SLACK_WEBHOOK_URL`. Never the secret itself."""

    __slots__ = ()
    SCHEMES = ("env", "file")

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        """Raises ValueError, without repeating the text: it may be the secret itself."""
        scheme, _, rest = text.partition(":")
        if scheme not in cls.SCHEMES or not rest:
            raise ValueError(
                "a secret is written as a reference, env:NAME or file:/path; "
                "put the value there and the reference here"
            )
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())


class Secrets:
    """Looks references up. A file is read again each time, so that a rotated secret is picked up."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, ref: SecretRef) -> Secret:
        """Raises SecretError where it is not there or empty."""
        scheme, _, rest = ref.partition(":")
        if scheme == "env":
            value = self._environ.get(rest, "")
            if not value:
                raise SecretError(f"{ref}: the environment variable {rest} is not set")
            return Secret(value)
        try:
            value = Path(rest).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SecretError(f"{ref}: the file cannot be read ({reason})") from None
        if not value:
            raise SecretError(f"{ref}: the file is empty")
        return Secret(value)
