"""Secrets from Secrets Manager and from Parameter Store: a reference comes in, a `Secret` goes out.

What was read is kept for five minutes, so that a rotated secret is picked up by itself and AWS is not asked
with every message. No error holds a value, nor does anything that is attached to one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.aws.clients import AwsError, Clients, understood
from shared.secrets import Secret, SecretError, SecretRef

KEEP = 300.0  # seconds
# While AWS does not answer, or this machine's credentials cannot be renewed, what was read before is good for
# this long after it was read (seconds): a webhook that comes in just then must not be refused, since nobody
# may send it again. It is no longer good once AWS says that the secret is gone or may not be read.
_STRETCH = 3_600.0
_ASK_AGAIN = 30.0  # seconds

_IN_MANAGER, _IN_STORE = "aws-secretsmanager:", "aws-ssm:"
_NOT_THERE = ("ResourceNotFoundException", "ParameterNotFound")


@dataclass(frozen=True)
class _Kept:
    secret: Secret
    read_at: float
    until: float


class AwsSecrets:
    """Safe to use from several threads."""

    def __init__(self, clients: Clients, now: Callable[[], float] = time.monotonic) -> None:
        self._clients, self._now = clients, now
        self._kept: dict[str, _Kept] = {}

    def get(self, ref: SecretRef) -> Secret:
        """Raises SecretError, which names the reference."""
        where, key = _place(ref)
        whole = self._whole(ref, where)
        return _member(ref, whole, key) if key else whole

    def refresh(self, ref: SecretRef) -> None:
        """Forget what was read, so that the next `get` asks AWS."""
        self._kept.pop(_place(ref)[0], None)

    def _whole(self, ref: SecretRef, where: str) -> Secret:
        now, kept = self._now(), self._kept.get(where)
        if kept and now < kept.until:
            return kept.secret
        try:
            fresh = _Kept(self._read(ref, where), now, now + KEEP)
        except AwsError as error:
            if not (kept and not error.refused and now < kept.read_at + _STRETCH):
                raise SecretError(f"{ref}: {_said(error)}") from error
            fresh = _Kept(kept.secret, kept.read_at, min(now + _ASK_AGAIN, kept.read_at + _STRETCH))
        self._kept[where] = fresh
        return fresh.secret

    def _read(self, ref: SecretRef, where: str) -> Secret:
        if where.startswith(_IN_STORE):
            name = where.removeprefix(_IN_STORE)
            answer = self._clients.call("ssm", "get_parameter", Name=name, WithDecryption=True)
            with understood("Parameter Store"):
                return Secret(answer["Parameter"]["Value"].strip())
        name = where.removeprefix(_IN_MANAGER)
        # An ARN names its region, and another one would not find it.
        region = name.split(":")[3] if name.startswith("arn:") else None
        answer = self._clients.call("secretsmanager", "get_secret_value", region=region, SecretId=name)
        with understood("Secrets Manager"):
            if "SecretString" not in answer:
                raise SecretError(f"{ref}: the secret is binary, and text is needed")
            return Secret(answer["SecretString"].strip())


def service_of(ref: SecretRef) -> str:
    """The service of AWS that is asked for it; empty where none is."""
    if ref.startswith(_IN_STORE):
        return "ssm"
    return "secretsmanager" if ref.startswith(_IN_MANAGER) else ""


def _place(ref: SecretRef) -> tuple[str, str]:
    """What is read from AWS, and the key in it; empty for the whole."""
    where, _, key = ref.partition("#")
    return where, key


def _member(ref: SecretRef, whole: Secret, key: str) -> Secret:
    found, wrong = None, ""
    try:
        content = json.loads(whole.reveal())
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
            found = Secret(content[key].strip())
    # Raised out here: inside, the JSON error would stay attached and holds the secret.
    if found is None:
        raise SecretError(f"{ref}: {wrong}")
    return found


def _said(error: AwsError) -> str:
    return "there is no such secret in AWS" if error.code in _NOT_THERE else str(error)
