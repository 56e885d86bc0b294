"""Registers huntbridge's webhooks on the platform, and has the platform test them.

There is one webhook for each kind of event. It is created, changed, or left as it is. huntbridge recognises
its webhooks by their names. It never changes webhooks that others registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.config.suggestions import quoted
from shared.config.tokens import refusal
from shared.config.urls import https_url
from shared.hosting.runtime import Runtime
from shared.platform.answers import Webhook
from shared.platform.client import Cado
from shared.platform.errors import CadoError, Unavailable
from shared.platform.webhooks import revealed
from shared.secrets import Secret, SecretError, SecretRef

NAME_PREFIX = "huntbridge "
RECEIVER_PATH = "/webhooks/cado"
USUAL = ("processing_with_alarms", "processing_failed")  # kinds of event
_HIDDEN = "<hidden>"


class NotConfigured(Exception):
    """The configuration lacks something that the platform's webhooks need. The text says what."""


@dataclass(frozen=True)
class Result:
    """What a command did with the webhook for one kind of event."""

    event: str
    did: str  # created, updated, unchanged, failed, or left (another webhook does the same)
    webhook: int | None
    detail: str = ""
    ok: bool = True


@dataclass(frozen=True)
class Tested:
    """The outcome of the platform's test message through one webhook."""

    hook: Webhook
    said: str
    ok: bool
    times_after: int | None  # how often the platform has sent this webhook; None: it does not tell


def administrator(runtime: Runtime) -> Cado:
    """The platform, with the key that may change webhooks. Raises NotConfigured."""
    try:
        cado = runtime.admin_cado
    except SecretError as error:
        raise NotConfigured(str(error)) from None
    if cado is None:
        raise NotConfigured(
            "no Platform Administrator's key is configured, and webhooks need one: write platform.admin_key, "
            "such as env:ADMIN_API_KEY"
        )
    return cado


def token_of(runtime: Runtime, ref: SecretRef) -> Secret:
    """The token that the webhooks will send. Raises NotConfigured."""
    try:
        token = runtime.secret(ref)
    except SecretError as error:
        raise NotConfigured(str(error)) from None
    if why := refusal(token.reveal()):
        raise NotConfigured(f"the webhook token {ref} {why}")
    return token


def receiver_url(text: str) -> str:
    """The whole address at which huntbridge takes webhooks. Raises ValueError with a sentence."""
    url = https_url(text, path="any")
    if not urlsplit(url).path:
        raise ValueError(f"must be the whole address, such as https://hunt.example{RECEIVER_PATH}")
    return url


def register(
    cado: Cado, url: str, token: Secret, events: Iterable[str], *, dry_run: bool = False
) -> list[Result]:
    """Register a webhook for each of these kinds of event. Raises CadoError if there is no list of them."""
    registered = cado.webhooks.list()
    return [register_one(cado, registered, wanted_webhook(event, url, token), dry_run) for event in events]


def own_by_event(hooks: Iterable[Webhook]) -> dict[str, Webhook]:
    """huntbridge's webhooks by their kind of event; of several, the one with the lowest id."""
    own = [hook for hook in hooks if is_own(hook)]
    return {hook.name.removeprefix(NAME_PREFIX): hook for hook in reversed(own)}


def send_tests(cado: Cado, hooks: Sequence[Webhook]) -> list[Tested]:
    """Make the platform send its test message through these webhooks. Raises CadoError if it does not list
    them afterwards."""
    said: dict[int, tuple[str, bool]] = {}
    for hook in hooks:
        try:
            said[hook.id] = cado.webhooks.test(hook.id) or "asked for", True
        except CadoError as error:
            said[hook.id] = f"failed: {error}", False
    after = {hook.id: hook.times_sent for hook in cado.webhooks.list()}
    return [Tested(hook, *said[hook.id], after.get(hook.id)) for hook in hooks]


def wanted_webhook(event: str, url: str, token: Secret) -> dict[str, Any]:
    """The settings that the webhook of this kind of event should have."""
    payload = {"token": token, "event": event, "title": "$Title", "message": "$Event"}
    # The type "slack" would leave out $Event, which holds every id.
    return {"event_type": event, "url": url, "payload": payload, "payload_type": "custom", "enabled": True}


def register_one(
    cado: Cado, registered: tuple[Webhook, ...], wanted: Mapping[str, Any], dry_run: bool
) -> Result:
    """Create, update or leave the webhook of one kind of event. With `dry_run` nothing is changed."""
    event, name = wanted["event_type"], NAME_PREFIX + wanted["event_type"]
    same_target = [hook for hook in registered if (hook.event_type, hook.url) == (event, wanted["url"])]
    others = [hook for hook in same_target if hook.name != name]
    named = [hook for hook in registered if hook.name == name]
    own = named[0] if named else None
    if own is None and others:
        return _left(event, others[0], wanted)
    try:
        done = _update(cado, own, wanted, dry_run) if own else _create(cado, name, wanted, dry_run)
    except CadoError as error:
        unsure = isinstance(error, Unavailable) and error.ambiguous
        doubt = " It may have been done all the same." if unsure else ""
        return Result(event, "failed", own.id if own else None, f"{error}{doubt}", ok=False)
    duplicates = [hook for hook in [*named[1:], *others] if hook.enabled]
    if not duplicates:
        return done
    named_in_words = " and ".join(f"webhook {hook.id}, {quoted(hook.name)}" for hook in duplicates)
    warning = f"beside it {named_in_words} would send this event once more: delete it on the platform"
    return Result(event, done.did, done.webhook, "; ".join(filter(None, (done.detail, warning))), ok=False)


def _left(event: str, other: Webhook, wanted: Mapping[str, Any]) -> Result:
    detail = f"{quoted(other.name)} sends this event to the same URL, so none was made beside it"
    differences = _differences(other, wanted)
    if differences:
        reasons, name = ", ".join(_in_words(other, differences)), quoted(NAME_PREFIX + event)
        detail += (
            f". It would not do ({reasons}): name it {name} on the platform, or delete it there, and "
            "register again"
        )
    return Result(event, "left", other.id, detail, ok=not differences)


def _create(cado: Cado, name: str, wanted: Mapping[str, Any], dry_run: bool) -> Result:
    event = wanted["event_type"]
    if dry_run:
        return Result(event, "created", None)
    created = cado.webhooks.create(name, event, wanted["url"], wanted["payload"], wanted["payload_type"])
    if not created.enabled:
        cado.webhooks.update(created.id, enabled=True)
    return Result(event, "created", created.id)


def _update(cado: Cado, own: Webhook, wanted: Mapping[str, Any], dry_run: bool) -> Result:
    changes = _differences(own, wanted)
    if not changes:
        return Result(own.event_type, "unchanged", own.id)
    if not dry_run:
        cado.webhooks.update(own.id, **changes)
    return Result(wanted["event_type"], "updated", own.id, ", ".join(_in_words(own, changes)))


def _differences(hook: Webhook, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the webhook that differ from `wanted`, with the wanted values.

    A payload that the platform does not show counts as different.
    """
    return {
        key: value
        for key, value in wanted.items()
        if getattr(hook, key) != (revealed(value) if key == "payload" else value)
    }


def _in_words(hook: Webhook, changes: Mapping[str, Any]) -> list[str]:
    words = {
        "event_type": f"its event was {hook.event_type}",
        "url": f"its URL was {shown_url(hook)}",
        "payload": "its payload was another one",
        "payload_type": f"its payload type was {hook.payload_type}",
        "enabled": "it was disabled",
    }
    return [words[key] for key in changes]


def shown_url(hook: Webhook) -> str:
    """The URL without its possible secrets: user name, password and query.

    For a webhook that others registered the path is hidden too, since it is the secret of a Slack webhook.
    """
    try:
        parts = urlsplit(hook.url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _HIDDEN
    if not parts.scheme or not host:
        return _HIDDEN
    user = f"{_HIDDEN}@" if "@" in parts.netloc else ""
    path = parts.path if is_own(hook) or parts.path in ("", "/", RECEIVER_PATH) else f"/{_HIDDEN}"
    return f"{parts.scheme}://{user}{host}{path}" + (f"?{_HIDDEN}" if parts.query or parts.fragment else "")


def is_own(hook: Webhook) -> bool:
    """Whether huntbridge registered this webhook."""
    return hook.name.startswith(NAME_PREFIX)
