"""The secrets by which the web room knows who sends: webhook tokens, and signing secrets of Slack's apps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from shared.config.tokens import refusal
from shared.hosting.log import redact
from shared.secrets import Secret, SecretError, SecretRef

log = logging.getLogger(__name__)


def readable(
    refs: Iterable[SecretRef], secret: Callable[[SecretRef], Secret], what: str = "webhook token"
) -> dict[SecretRef, Secret]:
    """The secrets that can be read. A failure is logged only where none can be read: during a rotation the
    previous secret may be gone already."""
    found, errors = {}, []
    for ref in refs:
        try:
            found[ref] = secret(ref)
        except SecretError as missing:
            errors.append(missing)
        else:
            redact(found[ref])
    if not found:
        for error in errors:
            log.error("a %s cannot be had: %s", what, error)
    return found


def accepted(refs: Iterable[SecretRef], secret: Callable[[SecretRef], Secret]) -> list[Secret]:
    """The webhook tokens that can be read and are long enough."""
    tokens = []
    for ref, token in readable(refs, secret).items():
        if why := refusal(token.reveal()):
            log.error("the webhook token %s is not accepted: it %s", ref, why)
        else:
            tokens.append(token)
    return tokens
