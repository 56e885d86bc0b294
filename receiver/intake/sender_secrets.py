"""Reads the secrets that authenticate senders: webhook tokens and signing secrets of Slack apps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from shared.config.tokens import refusal
from shared.hosting.log_redaction import redact
from shared.secrets import Secret, SecretError, SecretRef

log = logging.getLogger(__name__)


def readable(
    refs: Iterable[SecretRef], secret: Callable[[SecretRef], Secret], kind: str = "webhook token"
) -> dict[SecretRef, Secret]:
    """The secrets that can be read. Failures are only logged if none can be read, because during a rotation
    the previous secret may already be gone. `kind` is for the log."""
    secrets, errors = {}, []
    for ref in refs:
        try:
            secrets[ref] = secret(ref)
        except SecretError as error:
            errors.append(error)
        else:
            redact(secrets[ref])
    if not secrets:
        for reason in errors:
            log.error("secret not readable", extra={"kind": kind, "reason": reason})
    return secrets


def accepted(refs: Iterable[SecretRef], secret: Callable[[SecretRef], Secret]) -> list[Secret]:
    """The webhook tokens that are readable and hard enough to guess."""
    tokens = []
    for ref, token in readable(refs, secret).items():
        if reason := refusal(token.reveal()):
            log.error("webhook token not accepted", extra={"secret": ref, "reason": f"it {reason}"})
        else:
            tokens.append(token)
    return tokens
