"""Checks the secrets that a configuration names: each can be read, and looks like what it should be."""

from __future__ import annotations

from collections.abc import Iterator

from shared.config import tokens
from shared.config.configured_values import secret_references
from shared.hosting.runtime import Runtime
from shared.models.checks import CheckResult, failed, passed, warned
from shared.secrets import SecretError


def webhook_tokens(runtime: Runtime) -> Iterator[CheckResult]:
    refs = runtime.config.webhook.tokens
    if not refs:
        yield failed("webhook token", "none is configured: every webhook would be refused")
    for number, ref in enumerate(refs, 1):
        what = f"webhook token {number}"
        try:
            refusal = tokens.refusal(runtime.secret(ref).reveal())
        except SecretError as error:
            yield failed(what, str(error))
        else:
            yield failed(what, f"{ref} {refusal}") if refusal else passed(what, f"{ref} can be read")


def signing_secrets(runtime: Runtime) -> Iterator[CheckResult]:
    for number, ref in enumerate(runtime.config.slack_signing_secrets, 1):
        what = f"signing secret {number}"
        try:
            runtime.secret(ref)
        except SecretError as error:
            yield failed(what, str(error))
        else:
            yield passed(what, f"{ref} can be read")


def odd_secrets(runtime: Runtime) -> Iterator[CheckResult]:
    """Secrets that can be read and are probably not the intended ones."""
    for ref, where in secret_references(runtime.config).items():
        try:
            value = runtime.secret(ref).reveal()
        except SecretError:
            continue  # reported by the check of whatever needs the secret
        is_token = ref in runtime.config.webhook.tokens
        if is_token and tokens.refusal(value):
            continue  # reported by `webhook_tokens`
        if doubt := tokens.warning(value) if is_token else tokens.odd(value):
            yield warned(where, f"{ref} {doubt}")


def old_secrets(runtime: Runtime) -> Iterator[CheckResult]:
    for ref, where in secret_references(runtime.config).items():
        if text := runtime.why_old(ref):
            yield warned(where, text)
