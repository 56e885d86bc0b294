"""Secrets by reference: the configuration says where a secret is kept, and it is read when it is needed.

References `env:NAME` and `file:/path` are read here. References into AWS are read by a `SecretsInAws` that is
passed in. A value that was read is a `Secret`, which prints as `<secret>` and cannot be pickled or copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, SupportsIndex

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_FORMS = "env:NAME, file:/path, aws-secretsmanager:name#key or aws-ssm:/name"
_MAX_BYTES = 64 * 1024  # far above any token or URL; keeps a device or a log file from being read whole


class SecretError(Exception):
    """A secret cannot be read. The message names its reference and never its value."""


class Secret:
    """The value of a secret, which only `reveal()` returns."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret must not be stored; store its reference and read it again")


class SecretRef(str):
    """Where a secret is kept, such as `env:SLACK_WEBHOOK_URL`. Never the secret itself."""

    __slots__ = ()
    # Strict, so that a token that somebody wrote after `env:` is rarely accepted as a name. Names in AWS are
    # what the API references of CreateSecret and PutParameter allow.
    PATTERN = (
        r"^(env:[A-Za-z_][A-Za-z0-9_]{0,99}|file:/[^\r\n\u0000]+|aws-ssm:/[A-Za-z0-9_./-]{1,1010}|"
        r"aws-secretsmanager:(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?"
        r"[A-Za-z0-9/_+=.@-]{1,519}(#[A-Za-z0-9_.-]{1,100})?)$"
    )

    @classmethod
    def parse(cls, text: object) -> SecretRef:
        """Raises ValueError, without repeating the text: it may be the secret itself."""
        if not isinstance(text, str) or not re.fullmatch(cls.PATTERN, text):
            raise ValueError(
                f"a secret is written as a reference, {_FORMS}; put the value there and the reference here"
            )
        return cls(text)

    @property
    def in_aws(self) -> bool:
        """Whether reading the secret takes a call to AWS."""
        return self.startswith("aws-")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # the web function reads secrets and must not load pydantic

        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": cls.PATTERN,
            "examples": [
                "env:API_KEY",
                "file:/run/secrets/key",
                "aws-secretsmanager:huntbridge/cado#key",
                "aws-ssm:/huntbridge/key",
            ],
        }


class SecretsInAws(Protocol):
    def get(self, ref: SecretRef) -> Secret: ...

    def refresh(self, ref: SecretRef) -> None: ...

    def changed_at(self, ref: SecretRef) -> datetime | None: ...


class Secrets:
    """Reads secrets by their references. A file is read each time, so a rotated secret is noticed."""

    def __init__(
        self, environ: Mapping[str, str], connect_aws: Callable[[], SecretsInAws] | None = None
    ) -> None:
        """`connect_aws` is called at the first reference into AWS. Without it such references fail."""
        self._environ = environ
        self._connect_aws = connect_aws
        self._aws: SecretsInAws | None = None

    def get(self, ref: SecretRef) -> Secret:
        """The secret without white space around it. Raises SecretError if it is missing, is empty or has
        control characters: no header or URL can hold these, and an HTTP library's error would show them."""
        scheme, _, rest = ref.partition(":")
        if scheme == "env":
            if rest not in self._environ:
                raise SecretError(f"{ref}: the environment variable {rest} is not set")
            secret, what = Secret(self._environ[rest].strip()), f"the environment variable {rest}"
        elif scheme == "file":
            secret, what = _read(ref, Path(rest)), "the file"
        elif ref.in_aws:
            secret, what = self._in_aws(ref).get(ref), "the secret"
        else:
            raise SecretError(f"a secret is written as a reference, {_FORMS}")
        if not secret.reveal():
            raise SecretError(f"{ref}: {what} is empty")
        if any(c < " " or c == "\x7f" for c in secret.reveal()):
            raise SecretError(f"{ref}: {what} holds a line break or another control character")
        return secret

    def refresh(self, ref: SecretRef) -> None:
        """Makes the next `get` read the secret again. To be called when a peer has refused the secret."""
        if ref.in_aws:
            self._in_aws(ref).refresh(ref)

    def changed_at(self, ref: SecretRef) -> datetime | None:
        """When the secret was last changed; None if that cannot be known, as of an environment variable.
        Raises SecretError if it cannot be read."""
        if ref.in_aws:
            return self._in_aws(ref).changed_at(ref)
        scheme, _, path = ref.partition(":")
        if scheme != "file":
            return None
        self.get(ref)
        try:
            return datetime.fromtimestamp(Path(path).stat().st_mtime, UTC)
        except OSError:  # it was replaced at this moment
            return None

    def _in_aws(self, ref: SecretRef) -> SecretsInAws:
        if self._connect_aws is None:
            raise SecretError(f"{ref}: secrets in AWS cannot be read here")
        if self._aws is None:
            self._aws = self._connect_aws()
        return self._aws


def _read(ref: SecretRef, path: Path) -> Secret:
    reason = ""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) <= _MAX_BYTES:
            return Secret(raw.decode("utf-8-sig").strip())
        reason = f"it is larger than {_MAX_BYTES // 1024} KiB"
    except OSError as error:
        reason = error.strerror or "no reason given"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except ValueError:
        reason = "the path is not one"
    # Raised outside of the `except` blocks, because UnicodeDecodeError holds the file's bytes and would be
    # attached.
    raise SecretError(f"{ref}: the file cannot be read ({reason})")
