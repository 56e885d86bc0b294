"""`huntbridge webhook rotate`: the platform's webhooks send another token from now on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click

from cli.assemble import on_aws
from cli.data import has_database
from cli.exit_codes import Failed, Misused, PlatformFailed
from cli.settings import settings
from cli.stack import on_stack
from cli.webhook_platform import platform_of, reference, registered, usable_token
from scheduler.webhook_registration import own_by_event
from scheduler.webhook_rotation import Rotated
from scheduler.webhook_rotation import rotate as rotate_one
from shared.hosting.runtime import Runtime
from shared.local import loaded
from shared.local.data_directory import is_served
from shared.models.event_kinds import TEST
from shared.secrets import SecretRef

_LOOK = 0.5  # seconds between two looks for the test


@click.command(short_help="Change the token that the platform sends.")
@on_stack
@settings
@click.option("--token-ref", metavar="REF", callback=reference,
              help="The new token, a secret reference [default: the first of webhook.tokens].")  # fmt: skip
@click.option("--old-token-ref", metavar="REF", callback=reference,
              help="The old token, a secret reference [default: the second of webhook.tokens].")  # fmt: skip
@click.option("--within", default=60.0, show_default=True, metavar="SECONDS",
              type=click.FloatRange(min=0, min_open=True),
              help="How long to wait for each test to arrive.")  # fmt: skip
def rotate(
    config_path: str | None,
    data: Path,
    token_ref: SecretRef | None,
    old_token_ref: SecretRef | None,
    within: float,
) -> None:
    """Have the platform's webhooks send the new token in place of the old one.

    \b
    Before: write the new token as the first of webhook.tokens, leave the old one as the second, and run
            `huntbridge config reload`. On AWS, wait five minutes after a secret has changed.
    After:  remove the old token from webhook.tokens, and reload again.

    Each webhook is changed and tested before the next one. A webhook whose test does not arrive gets the old
    token back. Each test is a message that is marked TEST. You can repeat this command.
    """
    runtime, cado = platform_of(config_path, data)
    configured = [*runtime.config.webhook.tokens, None, None]
    refs = [given or known for given, known in zip((token_ref, old_token_ref), configured, strict=False)]
    if None in refs:
        raise Misused("webhook.tokens must name two tokens: the new one first, and then the old one")
    new, old = (usable_token(runtime, ref) for ref in refs if ref)
    if new.reveal() == old.reveal():
        raise Misused(f"{refs[0]} and {refs[1]} have the same value: there is nothing to change")
    if not on_aws():
        _check_served(data, [str(ref) for ref in refs])
    hooks = own_by_event(registered(cado))
    if not hooks:
        raise Failed("no webhook of huntbridge is registered: run `huntbridge webhook register --url URL`")
    looks = on_aws() or has_database(data)
    for event in sorted(hooks):
        arrived = _arrival(runtime, within) if looks else lambda: True
        done = rotate_one(cado, hooks[event], new, old, arrived)
        click.echo(_told(done))
        if done.failed:
            raise PlatformFailed(
                f"not every webhook sends {refs[0]}: keep both tokens in webhook.tokens, and run this again"
            )
    if not looks:
        click.echo("The data of serve is not here: look whether each test has come as a message.")
    then = "" if on_aws() else ", and run `huntbridge config reload`"
    click.echo(f"Now end the old token: remove {refs[1]} from the accepted tokens{then}.")


def _check_served(data: Path, refs: list[str]) -> None:
    """Raises Failed if the `serve` on this machine does not accept both tokens yet."""
    running = loaded.read(data)
    if running is None or not is_served(data):
        return
    accepted = running.settings.get("webhook", {}).get("tokens", [])
    missing = [ref for ref in refs if ref not in ([accepted] if isinstance(accepted, str) else accepted)]
    if missing:
        raise Failed(f"serve does not accept {' and '.join(missing)} yet: run `huntbridge config reload`")


def _arrival(runtime: Runtime, within: float) -> Callable[[], bool]:
    """What waits for a test that was not here before."""

    def tests() -> set[str]:
        since = runtime.now() - timedelta(hours=1)
        return {row.id for row in runtime.queries.events.list(kind=TEST, since=since).rows}

    before = tests()

    def arrived() -> bool:
        until = time.monotonic() + within
        while not tests() - before:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK)
        return True

    return arrived


def _told(done: Rotated) -> str:
    now = {
        "new": "it sends the new token, which was seen working",
        "previous": "it sends the old token again",
        "unsure": "it sends one of the two tokens",
    }
    return f"{done.hook.name}: {f'{done.failed}; ' if done.failed else ''}{now[done.sends]}"
