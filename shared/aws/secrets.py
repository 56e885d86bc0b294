"""Reads secrets from Secrets Manager and from Parameter Store.

A secret is cached for five minutes, so AWS is not asked for every message and a rotated secret is noticed
soon. No error holds the value of a secret, and neither does an exception that is attached to an error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.secrets import Secret, SecretError, SecretRef

KEEP = 300.0  # seconds
# While AWS does not answer, or does not accept this machine's credentials, a cached secret is used for this
# long after it was read (seconds), since a refused webhook is probably never sent again. Once AWS answers
# that the secret is gone or may not be read, the cached one is not used any more.
_KEEP_IN_OUTAGE = 3_600.0
_RETRY_AFTER = 30.0  # seconds

_SECRETS_MANAGER, _PARAMETER_STORE = "aws-secretsmanager:", "aws-ssm:"
_NOT_FOUND = ("ResourceNotFoundException", "ParameterNotFound")


@dataclass(frozen=True)
class _Cached:
    """A secret that was read, and when."""

    secret: Secret
    read_at: float
    use_until: float
    changed_at: datetime | None = None


class AwsSecrets:
    """The secrets that this machine's credentials may read. Safe to use from several threads."""

    def __init__(self, clients: Clients, now: Callable[[], float] = time.monotonic) -> None:
        self._clients, self._now = clients, now
        self._cache: dict[str, _Cached] = {}

    def get(self, ref: SecretRef) -> Secret:
        """Raises SecretError, which names the reference."""
        name, key = _split(ref)
        secret = self._read_cached(ref, name).secret
        return _value_of_key(ref, secret, key) if key else secret

    def refresh(self, ref: SecretRef) -> None:
        """Forgets the cached secret, so that the next `get` asks AWS."""
        self._cache.pop(_split(ref)[0], None)

    def changed_at(self, ref: SecretRef) -> datetime | None:
        """When its present version was made; None if AWS did not say so. Raises SecretError."""
        return self._read_cached(ref, _split(ref)[0]).changed_at

    def _read_cached(self, ref: SecretRef, name: str) -> _Cached:
        now, cached = self._now(), self._cache.get(name)
        if cached and now < cached.use_until:
            return cached
        try:
            secret, changed_at = self._read(ref, name)
            fresh = _Cached(secret, now, now + KEEP, changed_at)
        except AwsError as error:
            if cached is None or error.refused or now >= cached.read_at + _KEEP_IN_OUTAGE:
                raise SecretError(f"{ref}: {_reason(error)}") from error
            use_until = min(now + _RETRY_AFTER, cached.read_at + _KEEP_IN_OUTAGE)
            fresh = replace(cached, use_until=use_until)
        self._cache[name] = fresh
        return fresh

    def _read(self, ref: SecretRef, name: str) -> tuple[Secret, datetime | None]:
        """The secret, and when it was last changed."""
        if name.startswith(_PARAMETER_STORE):
            parameter = name.removeprefix(_PARAMETER_STORE)
            answer = self._clients.call("ssm", "get_parameter", Name=parameter, WithDecryption=True)
            with understood("Parameter Store"):
                parameter_read = answer["Parameter"]
                changed_at = _moment(parameter_read.get("LastModifiedDate"))
                return Secret(parameter_read["Value"].strip()), changed_at
        secret_id = name.removeprefix(_SECRETS_MANAGER)
        # A secret that is named by its ARN is only found in the region of the ARN.
        region = secret_id.split(":")[3] if secret_id.startswith("arn:") else None
        answer = self._clients.call("secretsmanager", "get_secret_value", region=region, SecretId=secret_id)
        with understood("Secrets Manager"):
            if "SecretString" not in answer:
                raise SecretError(f"{ref}: the secret is binary, and text is needed")
            return Secret(answer["SecretString"].strip()), _moment(answer.get("CreatedDate"))


def _moment(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def service_of(ref: SecretRef) -> str:
    """The AWS service that reads this reference; empty if the secret is not in AWS."""
    if ref.startswith(_PARAMETER_STORE):
        return "ssm"
    return "secretsmanager" if ref.startswith(_SECRETS_MANAGER) else ""


def _split(ref: SecretRef) -> tuple[str, str]:
    """The reference without its key, and the key; empty if the reference has none."""
    name, _, key = ref.partition("#")
    return name, key


def _value_of_key(ref: SecretRef, secret: Secret, key: str) -> Secret:
    value, wrong = None, ""
    try:
        content = json.loads(secret.reveal())
    except (ValueError, RecursionError):
        wrong = "the secret is not JSON, so there is no key in it"
    else:
        if not isinstance(content, dict):
            wrong = "the secret is not a JSON object, so there is no key in it"
        elif key not in content:
            wrong = f"the secret has no key {key}"
        elif not isinstance(content[key], str):
            wrong = f"the key {key} of the secret is not text"
        else:
            value = Secret(content[key].strip())
    # Raised outside of the `except` block, because a JSON error holds the secret and would be attached.
    if value is None:
        raise SecretError(f"{ref}: {wrong}")
    return value


def _reason(error: AwsError) -> str:
    return "there is no such secret in AWS" if error.code in _NOT_FOUND else str(error)
