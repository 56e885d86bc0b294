"""Whether the platform still calls: its webhooks go in, an event of kind `webhook_broken` comes out.

It is raised once, and so is that it is mended; a webhook that was never made is not broken. Nothing on the
platform is changed, and without an administrator's key nothing is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.models.event_kinds import WEBHOOK_BROKEN
from shared.models.events import Event
from shared.platform.answers import Webhook
from shared.platform.errors import CadoError
from shared.queues import items
from shared.secrets import SecretError
from shared.storage import kinds

log = logging.getLogger(__name__)

# One of these must be there, since they carry the alarms.
ALARM_EVENTS = ("processing_with_alarms", "high_severity_alarm", "suspicious_severity_event")


def watch(runtime: Runtime) -> None:
    """One look at the platform's webhooks. A platform that does not answer is not a broken webhook."""
    try:
        admin = runtime.admin_cado
    except SecretError as error:
        log.debug("the platform's webhooks are not watched: %s", error)
        return
    if admin is None or runtime.config.platform.api_version == "v2":
        return
    try:
        webhooks = admin.webhooks.list()
    except CadoError as error:
        log.warning("the platform's webhooks cannot be looked at now: %s", error)
        return
    _tell(runtime, webhooks, problems(webhooks, runtime.config.webhook.url))


def problems(webhooks: Iterable[Webhook], url: str | None) -> list[str]:
    """In words, what keeps alarms from arriving at `url`; None: where they should arrive is not known.

    huntbridge's own are those named for it and those that lead to it.
    """
    own = [one for one in webhooks if _is_own(one, url)]
    found = [text for one in own if (text := _problem(one, url))]
    if not any(one.event_type in ALARM_EVENTS for one in own):
        found.append(f"there is no webhook for {ALARM_EVENTS[0]}")
    return found


def _problem(webhook: Webhook, url: str | None) -> str:
    name = f"webhook {webhook.id} for {webhook.event_type}"
    if not webhook.enabled:
        return f"{name} is disabled"
    if url and not _leads_to(webhook, url):
        # Not more of it: a URL may hold somebody's secret.
        return f"{name} leads elsewhere, to {_host(webhook.url) or 'no host'}"
    return ""


def _is_own(webhook: Webhook, url: str | None) -> bool:
    return _is_named(webhook) or _leads_to(webhook, url)


def _is_named(webhook: Webhook) -> bool:
    return webhook.name.lower().startswith("huntbridge")


def _leads_to(webhook: Webhook, url: str | None) -> bool:
    return url is not None and _same_form(webhook.url) == _same_form(url)


def _same_form(url: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", url
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _tell(runtime: Runtime, webhooks: Iterable[Webhook], found: list[str]) -> None:
    seen, url = runtime.ledger.notes.get(kinds.WEBHOOK_NOTES, "webhook"), runtime.config.webhook.url
    times, broken = int(seen.get("times", 0)), bool(seen.get("broken"))
    if not found:
        if broken:
            _raise(runtime, times, mended=True)
            log.info("the platform's webhook is whole again")
        if broken or not seen:
            runtime.ledger.notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": False, "times": times})
        return
    if broken or not (seen or any(_is_own(one, url) for one in webhooks)):
        return  # told already, or never made: `huntbridge webhook` and `check` say that
    # The event first: a crash in between raises it again, which its id makes harmless.
    _raise(runtime, times + 1, "\n".join(text[:1].upper() + text[1:] + "." for text in found))
    runtime.ledger.notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": True, "times": times + 1})
    log.error("the platform's webhook does not reach huntbridge: %s", "; ".join(found))


def _raise(runtime: Runtime, number: int, text: str = "", *, mended: bool = False) -> None:
    event = Event(
        id=f"{WEBHOOK_BROKEN}:{number}{':mended' if mended else ''}",
        kind=WEBHOOK_BROKEN,
        received_at=runtime.now(),
        text=text,
        mended=mended,
    )
    runtime.events.put(items.own_event(dump(event)), id=event.id)
