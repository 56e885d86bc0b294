"""`huntbridge webhook`: registers, lists, tests, rotates and removes huntbridge's webhooks on the platform.

There is one webhook for each kind of event. No command prints a token.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.confirm import confirm
from cli.exit_codes import Failed, Misused, PlatformFailed
from cli.settings import settings
from cli.webhook_platform import platform_of, reference, registered, usable_token
from cli.webhook_rotate import rotate
from scheduler.webhook_registration import (
    NAME_PREFIX,
    USUAL,
    is_own,
    own_by_event,
    receiver_url,
    send_tests,
    shown_url,
)
from scheduler.webhook_registration import register as register_all
from shared.config.suggestions import advice, quoted
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import PLATFORM_KINDS
from shared.platform.answers import Webhook
from shared.platform.errors import CadoError
from shared.secrets import Secret, SecretRef


@click.group(short_help="Manage the platform's webhooks that lead here.")
def webhook() -> None:
    """Register, show, test, rotate and remove the platform's webhooks that lead here.

    All of these commands need the API key of a Platform Administrator: platform.admin_key in the
    configuration, or ADMIN_API_KEY if there is no file. If `huntbridge serve` can read this key, it checks
    the webhooks regularly.
    """


def _kinds(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for kind in given:
        if kind not in PLATFORM_KINDS:
            raise click.BadParameter(
                f"the platform has no event {quoted(kind)}{advice(kind, PLATFORM_KINDS)}"
            )
    return tuple(dict.fromkeys(given))


def _address(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return receiver_url(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@webhook.command(short_help="Register huntbridge's webhooks on the platform.")
@settings
@click.option("--url", required=True, callback=_address, help="The address at which huntbridge is reached.")
@click.option("--event", "events", multiple=True, metavar="KIND", callback=_kinds,
              help=f"A kind of event; may be repeated [default: {' and '.join(USUAL)}].")  # fmt: skip
@click.option("--token-ref", metavar="REF", callback=reference,
              help="The token, as a secret reference [default: the first of webhook.tokens].")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def register(
    config_path: str | None,
    data: Path,
    url: str,
    events: tuple[str, ...],
    token_ref: SecretRef | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Register webhooks, one for each kind of event, so that the platform sends these events to URL.

    You can repeat this command. It creates missing webhooks and updates those that differ. Needs the API key
    of a Platform Administrator: platform.admin_key in the configuration, or ADMIN_API_KEY if there is no
    file.
    """
    runtime, cado = platform_of(config_path, data)
    token = _token(runtime, token_ref)
    try:
        results = register_all(cado, url, token, events or USUAL, dry_run=dry_run)
    except CadoError as error:
        raise PlatformFailed(str(error)) from None
    if as_json:
        tables.print_json(
            {"dry_run": dry_run, "url": url, "webhooks": [asdict(result) for result in results]}
        )
    else:
        for result in results:
            changed = result.did in ("created", "updated")
            did = f"would be {result.did}" if dry_run and changed else result.did
            number = "no webhook yet" if result.webhook is None else f"webhook {result.webhook}"
            detail = f"; {result.detail}" if result.detail else ""
            click.echo(f"{did}: {result.event}, {number}{detail}")
    if any(result.did == "failed" for result in results):
        raise PlatformFailed("not every webhook is registered; to run this again does no harm")
    if not all(result.ok for result in results):
        raise Failed("not every webhook is as it should be")


@webhook.command(short_help="List the platform's webhooks and what is wrong.")
@settings
@click.option("--url", callback=_address, help="The URL that huntbridge's webhooks should have.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def show(config_path: str | None, data: Path, url: str | None, as_json: bool) -> None:
    """List the platform's webhooks, and what is wrong with those of huntbridge.

    Exit code 1 if huntbridge has no webhook there, or one of its webhooks is disabled or has another URL
    than --url.
    """
    _, cado = platform_of(config_path, data)
    hooks = registered(cado)
    problems = [problem for hook in hooks if is_own(hook) for problem in _problems(hook, url)]
    if not any(map(is_own, hooks)):
        problems = ["no webhook of huntbridge is registered: run `huntbridge webhook register --url URL`"]
    if as_json:
        tables.print_json({"webhooks": [_row(hook) for hook in hooks], "problems": problems})
    else:
        _show(hooks)
        for problem in problems:
            click.echo(problem)
    if problems:
        raise click.exceptions.Exit(1)


def _problems(hook: Webhook, url: str | None) -> list[str]:
    problems = []
    if not hook.enabled:
        problems.append("is disabled")
    if url is not None and hook.url != url:
        problems.append(f"leads to {shown_url(hook)} and not to {url}")
    if hook.name != NAME_PREFIX + hook.event_type:
        problems.append(f"sends another event, {hook.event_type}")
    if hook.payload_type != "custom":
        problems.append(f"has the payload type {hook.payload_type}, and only custom will do")
    return [f"webhook {hook.id}, {quoted(hook.name)}, {problem}" for problem in problems]


def _row(hook: Webhook) -> dict[str, Any]:
    return {
        "id": hook.id,
        "name": hook.name,
        "own": is_own(hook),
        "event": hook.event_type,
        "url": shown_url(hook),
        "enabled": hook.enabled,
        "times_sent": hook.times_sent,
        "last_sent": f"{hook.last_sent:%Y-%m-%dT%H:%M:%SZ}" if hook.last_sent else None,
    }


def _show(hooks: tuple[Webhook, ...]) -> None:
    if not hooks:
        click.echo("the platform has no webhooks")
        return
    cells = []
    for hook in hooks:
        row = _row(hook)
        sent = "-" if row["times_sent"] is None else str(row["times_sent"])
        enabled, last = "yes" if row["enabled"] else "no", row["last_sent"] or "-"
        cells.append((str(row["id"]), row["name"], row["event"], enabled, sent, last, row["url"]))
    titles = ("Id", "Name", "Event", "Enabled", "Sent", "Last sent (UTC)", "URL")
    tables.show(titles, cells, whole=(0, 2))


@webhook.command(short_help="Send the platform's test message.")
@settings
@click.option("--event", "events", multiple=True, metavar="KIND", callback=_kinds,
              help="A kind of event; may be repeated [default: all registered kinds].")  # fmt: skip
def test(config_path: str | None, data: Path, events: tuple[str, ...]) -> None:
    """Make the platform send its test message through huntbridge's webhooks."""
    _, cado = platform_of(config_path, data)
    own = own_by_event(registered(cado))
    missing = [event for event in events if event not in own]
    if missing or not own:
        which = f" for {', '.join(missing)}" if missing else ""
        raise Failed(
            f"no webhook of huntbridge is registered{which}: run `huntbridge webhook register --url URL`"
        )
    try:
        tests = send_tests(cado, [own[event] for event in events or sorted(own)])
    except CadoError as error:
        raise PlatformFailed(str(error)) from None
    for tested in tests:
        hook = tested.hook
        times = ", ".join(
            f"{when} {'not told' if count is None else count}"
            for when, count in (("before", hook.times_sent), ("after", tested.times_after))
        )
        disabled = "; it is disabled, so no real event comes" if not hook.enabled else ""
        click.echo(f"{hook.name}: {tested.said}; times sent: {times}{disabled}")
    if not all(tested.ok for tested in tests):
        raise PlatformFailed(
            "not every test was sent: can the platform reach the URL, and is the token right?"
        )
    click.echo(
        "Each test arrives as a message that is marked TEST, at the destinations of the event `test`. If "
        "none comes within a minute, look at huntbridge's log. A refusal with 401 means that the token is "
        "another one: register again. No line at all means that the platform cannot reach the URL."
    )


@webhook.command(short_help="Delete huntbridge's webhooks on the platform.")
@settings
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(config_path: str | None, data: Path, yes: bool) -> None:
    """Delete the webhooks whose names begin with `huntbridge `, and no others."""
    _, cado = platform_of(config_path, data)
    own = [hook for hook in registered(cado) if is_own(hook)]
    if not own:
        click.echo("none of the platform's webhooks is huntbridge's")
        return
    for hook in own:
        click.echo(f"webhook {hook.id}, {quoted(hook.name)}, to {shown_url(hook)}")
    if not yes:
        confirm(f"Delete {'it' if len(own) == 1 else f'these {len(own)}'}?")
    for number, hook in enumerate(own):
        try:
            cado.webhooks.delete(hook.id)
        except CadoError as error:
            raise PlatformFailed(f"{number} of {len(own)} deleted, then webhook {hook.id}: {error}") from None
    click.echo(f"{len(own)} deleted")


def _token(runtime: Runtime, ref: SecretRef | None) -> Secret:
    tokens = runtime.config.webhook.tokens
    if ref is None and not tokens:
        raise Misused("no webhook token is configured: write webhook.tokens, or give --token-ref")
    return usable_token(runtime, ref or tokens[0])


webhook.add_command(rotate)
