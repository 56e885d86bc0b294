"""The platform and the tokens, for the commands of `huntbridge webhook`."""

from __future__ import annotations

from pathlib import Path

import click

from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Misused, PlatformFailed
from scheduler.webhook_registration import NotConfigured, administrator, token_of
from shared.hosting.runtime import Runtime
from shared.platform.answers import Webhook
from shared.platform.client import Cado
from shared.platform.errors import CadoError
from shared.secrets import Secret, SecretRef


def reference(context: click.Context, option: click.Parameter, given: str | None) -> SecretRef | None:
    try:
        return SecretRef.parse(given) if given is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def platform_of(config_path: str | None, data: Path) -> tuple[Runtime, Cado]:
    """Raises Misused."""
    runtime = reading_runtime(load_config(config_path), data)
    try:
        return runtime, administrator(runtime)
    except NotConfigured as error:
        raise Misused(str(error)) from None


def usable_token(runtime: Runtime, ref: SecretRef) -> Secret:
    """Raises Misused."""
    try:
        return token_of(runtime, ref)
    except NotConfigured as error:
        raise Misused(str(error)) from None


def registered(cado: Cado) -> tuple[Webhook, ...]:
    """Raises PlatformFailed."""
    try:
        return cado.webhooks.list()
    except CadoError as error:
        raise PlatformFailed(str(error)) from None
