"""Registers one webhook on the platform: creates it, changes it, or leaves it as it is.

huntbridge recognises its webhooks by their names. It never changes webhooks that others registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.config.suggestions import quoted
from shared.platform.answers import Webhook
from shared.platform.client import Cado
from shared.platform.errors import CadoError, Unavailable
from shared.platform.webhooks import revealed
from shared.secrets import Secret

NAME_PREFIX = "huntbridge "
RECEIVER_PATH = "/webhooks/cado"
_HIDDEN = "<hidden>"


@dataclass(frozen=True)
class Result:
    """What a command did with the webhook for one kind of event."""

    event: str
    did: str  # created, updated, unchanged, failed, or left (another webhook does the same)
    webhook: int | None
    detail: str = ""
    ok: bool = True


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
