"""`huntbridge webhook`: the platform's webhooks that lead to huntbridge, one for each kind of event.

They are known by their names. What others registered is never changed, and no token is ever shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from cli import tables
from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Failed, Misused, PlatformFailed
from cli.settings import settings
from shared.config.errors import advice, quoted
from shared.config.tokens import refusal
from shared.config.urls import https_url
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import KINDS
from shared.platform.answers import Webhook
from shared.platform.client import Cado
from shared.platform.errors import CadoError, Unavailable
from shared.platform.webhooks import revealed
from shared.secrets import Secret, SecretError, SecretRef

_PREFIX = "huntbridge "
_USUAL = ("processing_with_alarms", "processing_failed")
_DOOR = "/webhooks/cado"
_HIDDEN = "<hidden>"


@dataclass(frozen=True)
class _Done:
    event: str
    did: str  # created, updated, unchanged, left (to a webhook of another name) or failed
    webhook: int | None
    detail: str = ""
    ok: bool = True


@click.group(short_help="Manage the platform's webhooks that lead here.")
def webhook() -> None:
    """Register, show, test and remove the platform's webhooks that lead here.

    Needs the API key of a Platform Administrator: platform.admin_key in the configuration, or ADMIN_API_KEY
    where there is no file. `huntbridge serve` also watches the
    webhooks with it, where it can read it.
    """


def _kinds(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for kind in given:
        if kind not in KINDS:
            raise click.BadParameter(f"the platform has no event {quoted(kind)}{advice(kind, KINDS)}")
    return tuple(dict.fromkeys(given))


def _address(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    if given is None:
        return None
    try:
        url = https_url(given, path="any")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if not urlsplit(url).path:
        raise click.BadParameter(f"must be the whole address, such as https://hunt.example{_DOOR}")
    return url


def _reference(context: click.Context, option: click.Parameter, given: str | None) -> SecretRef | None:
    try:
        return SecretRef.parse(given) if given is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@webhook.command(short_help="Register huntbridge's webhooks on the platform.")
@settings
@click.option("--url", required=True, callback=_address, help="Where the platform reaches huntbridge.")
@click.option("--event", "events", multiple=True, metavar="KIND", callback=_kinds,
              help=f"A kind of event; may be repeated [default: {' and '.join(_USUAL)}].")  # fmt: skip
@click.option("--token-ref", metavar="REF", callback=_reference,
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
    """Have the platform send its events to URL: one webhook for each kind.

    May be repeated: a webhook that is there is changed where it differs, and left alone where it does not.
    Needs the API key of a Platform Administrator: platform.admin_key in the configuration, or ADMIN_API_KEY
    where there is no file.
    """
    runtime, cado = _platform(config_path, data)
    token = _token(runtime, token_ref)
    there = _list(cado)
    done = [_register(cado, there, _wanted(event, url, token), dry_run) for event in events or _USUAL]
    if as_json:
        tables.print_json({"dry_run": dry_run, "url": url, "webhooks": [asdict(one) for one in done]})
    else:
        for one in done:
            did = f"would be {one.did}" if dry_run and one.did in ("created", "updated") else one.did
            number = f"webhook {one.webhook}" if one.webhook is not None else "no webhook yet"
            click.echo(f"{did}: {one.event}, {number}" + (f"; {one.detail}" if one.detail else ""))
    if any(one.did == "failed" for one in done):
        raise PlatformFailed("not every webhook is registered; to run this again does no harm")
    if not all(one.ok for one in done):
        raise Failed("not every webhook is as it should be")


def _wanted(event: str, url: str, token: Secret) -> dict[str, Any]:
    payload = {"token": token, "event": event, "title": "$Title", "message": "$Event"}
    # "slack" would leave out $Event, and with it every id.
    return {"event_type": event, "url": url, "payload": payload, "payload_type": "custom", "enabled": True}


def _register(cado: Cado, there: tuple[Webhook, ...], wanted: Mapping[str, Any], dry_run: bool) -> _Done:
    event, name = wanted["event_type"], _PREFIX + wanted["event_type"]
    same = [hook for hook in there if (hook.event_type, hook.url) == (event, wanted["url"])]
    beside = [hook for hook in same if hook.name != name]
    named = [hook for hook in there if hook.name == name]
    own = named[0] if named else None
    if own is None and beside:
        return _left(event, beside[0], wanted)
    try:
        done = _update(cado, own, wanted, dry_run) if own else _create(cado, name, wanted, dry_run)
    except CadoError as error:
        unsure = isinstance(error, Unavailable) and error.ambiguous
        doubt = " It may have been done all the same." if unsure else ""
        return _Done(event, "failed", own.id if own else None, f"{error}{doubt}", ok=False)
    more = [hook for hook in [*named[1:], *beside] if hook.enabled]
    twice = [f"webhook {hook.id}, {quoted(hook.name)}" for hook in more]
    if not twice:
        return done
    told = f"beside it {' and '.join(twice)} would send this event once more: delete it on the platform"
    return _Done(event, done.did, done.webhook, "; ".join(filter(None, (done.detail, told))), ok=False)


def _left(event: str, other: Webhook, wanted: Mapping[str, Any]) -> _Done:
    detail = f"{quoted(other.name)} sends this event to the same URL, so none was made beside it"
    wrong = _differences(other, wanted)
    if wrong:
        detail += (
            f". It would not do ({', '.join(_in_words(other, wrong))}): name it {quoted(_PREFIX + event)} "
            "on the platform, or delete it there, and register again"
        )
    return _Done(event, "left", other.id, detail, ok=not wrong)


def _create(cado: Cado, name: str, wanted: Mapping[str, Any], dry_run: bool) -> _Done:
    event = wanted["event_type"]
    if dry_run:
        return _Done(event, "created", None)
    made = cado.webhooks.create(name, event, wanted["url"], wanted["payload"], wanted["payload_type"])
    if not made.enabled:
        cado.webhooks.update(made.id, enabled=True)
    return _Done(event, "created", made.id)


def _update(cado: Cado, own: Webhook, wanted: Mapping[str, Any], dry_run: bool) -> _Done:
    changes = _differences(own, wanted)
    if not changes:
        return _Done(own.event_type, "unchanged", own.id)
    if not dry_run:
        cado.webhooks.update(own.id, **changes)
    return _Done(wanted["event_type"], "updated", own.id, ", ".join(_in_words(own, changes)))


def _differences(hook: Webhook, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of `wanted` is not so. A payload that the platform does not tell counts as another one."""
    return {
        key: value
        for key, value in wanted.items()
        if getattr(hook, key) != (revealed(value) if key == "payload" else value)
    }


def _in_words(hook: Webhook, changes: Mapping[str, Any]) -> list[str]:
    words = {
        "event_type": f"its event was {hook.event_type}",
        "url": f"its URL was {_shown_url(hook)}",
        "payload": "its payload was another one",
        "payload_type": f"its payload type was {hook.payload_type}",
        "enabled": "it was disabled",
    }
    return [words[key] for key in changes]


@webhook.command(short_help="List the platform's webhooks and what is wrong.")
@settings
@click.option("--url", callback=_address, help="Where those of huntbridge should lead.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def show(config_path: str | None, data: Path, url: str | None, as_json: bool) -> None:
    """List the platform's webhooks, and what is wrong with those of huntbridge.

    Exit code 1 where something is: none is there, one is disabled, or one leads elsewhere than to --url.
    """
    _, cado = _platform(config_path, data)
    there = _list(cado)
    problems = [problem for hook in there if _is_own(hook) for problem in _problems(hook, url)]
    if not any(map(_is_own, there)):
        problems = ["no webhook of huntbridge is registered: run `huntbridge webhook register --url URL`"]
    if as_json:
        tables.print_json({"webhooks": [_row(hook) for hook in there], "problems": problems})
    else:
        _show(there)
        for problem in problems:
            click.echo(problem)
    if problems:
        raise click.exceptions.Exit(1)


def _problems(hook: Webhook, url: str | None) -> list[str]:
    found = []
    if not hook.enabled:
        found.append("is disabled")
    if url is not None and hook.url != url:
        found.append(f"leads to {_shown_url(hook)} and not to {url}")
    if hook.name != _PREFIX + hook.event_type:
        found.append(f"sends another event, {hook.event_type}")
    if hook.payload_type != "custom":
        found.append(f"has the payload type {hook.payload_type}, and only custom will do")
    return [f"webhook {hook.id}, {quoted(hook.name)}, {problem}" for problem in found]


def _row(hook: Webhook) -> dict[str, Any]:
    return {
        "id": hook.id,
        "name": hook.name,
        "own": _is_own(hook),
        "event": hook.event_type,
        "url": _shown_url(hook),
        "enabled": hook.enabled,
        "times_sent": hook.times_sent,
        "last_sent": f"{hook.last_sent:%Y-%m-%dT%H:%M:%SZ}" if hook.last_sent else None,
    }


def _show(there: tuple[Webhook, ...]) -> None:
    if not there:
        click.echo("the platform has no webhooks")
        return
    cells = []
    for hook in there:
        row = _row(hook)
        sent = "-" if row["times_sent"] is None else str(row["times_sent"])
        enabled, last = "yes" if row["enabled"] else "no", row["last_sent"] or "-"
        cells.append((str(row["id"]), row["name"], row["event"], enabled, sent, last, row["url"]))
    titles = ("Id", "Name", "Event", "Enabled", "Sent", "Last sent (UTC)", "URL")
    tables.show(titles, cells, whole=(0, 2))


def _shown_url(hook: Webhook) -> str:
    """The URL without what may be a secret in it: user name, password and query, and in the URL of somebody
    else's webhook, such as Slack's, the path as well."""
    try:
        parts = urlsplit(hook.url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _HIDDEN
    if not parts.scheme or not host:
        return _HIDDEN
    user = f"{_HIDDEN}@" if "@" in parts.netloc else ""
    path = parts.path if _is_own(hook) or parts.path in ("", "/", _DOOR) else f"/{_HIDDEN}"
    return f"{parts.scheme}://{user}{host}{path}" + (f"?{_HIDDEN}" if parts.query or parts.fragment else "")


@webhook.command(short_help="Send the platform's test message.")
@settings
@click.option("--event", "events", multiple=True, metavar="KIND", callback=_kinds,
              help="A kind of event; may be repeated [default: every one that is registered].")  # fmt: skip
def test(config_path: str | None, data: Path, events: tuple[str, ...]) -> None:
    """Have the platform send its test message through huntbridge's webhooks."""
    _, cado = _platform(config_path, data)
    own = {hook.name.removeprefix(_PREFIX): hook for hook in reversed(_list(cado)) if _is_own(hook)}
    missing = [event for event in events if event not in own]
    if missing or not own:
        which = f" for {', '.join(missing)}" if missing else ""
        raise Failed(
            f"no webhook of huntbridge is registered{which}: run `huntbridge webhook register --url URL`"
        )
    hooks = [own[event] for event in events or sorted(own)]
    failed = False
    said: dict[int, str] = {}
    for hook in hooks:
        try:
            said[hook.id] = cado.webhooks.test(hook.id) or "asked for"
        except CadoError as error:
            failed, said[hook.id] = True, f"failed: {error}"
    after = {hook.id: hook.times_sent for hook in _list(cado)}
    for hook in hooks:
        times = ", ".join(
            f"{when} {'not told' if count is None else count}"
            for when, count in (("before", hook.times_sent), ("after", after.get(hook.id)))
        )
        disabled = "; it is disabled, so no real event comes" if not hook.enabled else ""
        click.echo(f"{hook.name}: {said[hook.id]}; times sent: {times}{disabled}")
    if failed:
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
    """Delete the webhooks whose names begin with `huntbridge `, and no other."""
    _, cado = _platform(config_path, data)
    own = [hook for hook in _list(cado) if _is_own(hook)]
    if not own:
        click.echo("none of the platform's webhooks is huntbridge's")
        return
    for hook in own:
        click.echo(f"webhook {hook.id}, {quoted(hook.name)}, to {_shown_url(hook)}")
    if not yes:
        click.confirm(f"Delete {'it' if len(own) == 1 else f'these {len(own)}'}?", abort=True)
    for number, hook in enumerate(own):
        try:
            cado.webhooks.delete(hook.id)
        except CadoError as error:
            raise PlatformFailed(f"{number} of {len(own)} deleted, then webhook {hook.id}: {error}") from None
    click.echo(f"{len(own)} deleted")


def _platform(config_path: str | None, data: Path) -> tuple[Runtime, Cado]:
    runtime = reading_runtime(load_config(config_path), data)
    try:
        cado = runtime.admin_cado
    except SecretError as error:
        raise Misused(str(error)) from None
    if cado is None:
        raise Misused(
            "no Platform Administrator's key is configured, and webhooks need one: write platform.admin_key, "
            "such as env:ADMIN_API_KEY"
        )
    return runtime, cado


def _token(runtime: Runtime, ref: SecretRef | None) -> Secret:
    tokens = runtime.config.webhook.tokens
    if ref is None and not tokens:
        raise Misused("no webhook token is configured: write webhook.tokens, or give --token-ref")
    ref = ref or tokens[0]
    try:
        token = runtime.secret(ref)
    except SecretError as error:
        raise Misused(str(error)) from None
    if why := refusal(token.reveal()):
        raise Misused(f"the webhook token {ref} {why}")
    return token


def _list(cado: Cado) -> tuple[Webhook, ...]:
    try:
        return cado.webhooks.list()
    except CadoError as error:
        raise PlatformFailed(str(error)) from None


def _is_own(hook: Webhook) -> bool:
    return hook.name.startswith(_PREFIX)
