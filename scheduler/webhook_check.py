"""Checks whether the platform's webhooks still lead to huntbridge. If not, raises an event `webhook_broken`.

The event is raised once, and once more when the webhooks are repaired. A webhook that was never registered is
not broken. Nothing is changed on the platform. Without an administrator's key there is no check.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

from scheduler.own_events import raise_event
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import WEBHOOK_BROKEN
from shared.models.events import Event
from shared.platform.answers import Webhook
from shared.platform.errors import CadoError
from shared.queues.ports import Queue
from shared.secrets import SecretError
from shared.storage import kinds
from shared.storage.ledger.notes import Notes

log = logging.getLogger(__name__)

# At least one of these must be registered, since they carry the alarms.
ALARM_EVENTS = ("processing_with_alarms", "high_severity_alarm", "suspicious_severity_event")


def check_webhook(runtime: Runtime) -> None:
    """Check once. If the platform does not answer, nothing is reported."""
    try:
        admin = runtime.admin_cado
    except SecretError as error:
        log.debug("webhook not checked", extra={"reason": str(error)})
        return
    if admin is None or runtime.config.platform.api_version == "v2":
        return
    try:
        webhooks = admin.webhooks.list()
    except CadoError as error:
        log.warning("webhook not checked", extra={"reason": str(error)})
        return
    _report(webhooks, runtime.config.webhook.url, runtime.ledger.notes, runtime.events, runtime.now())


def problems(webhooks: Iterable[Webhook], url: str | None) -> list[str]:
    """What prevents alarms from arriving at `url`, in words. `url` is None if the right URL is not known.

    huntbridge's own webhooks are those that are named after it and those that lead to `url`.
    """
    own = [webhook for webhook in webhooks if _is_own(webhook, url)]
    texts = [text for webhook in own if (text := _problem(webhook, url))]
    if not any(webhook.event_type in ALARM_EVENTS for webhook in own):
        texts.append(f"there is no webhook for {ALARM_EVENTS[0]}")
    return texts


def _problem(webhook: Webhook, url: str | None) -> str:
    name = f"webhook {webhook.id} for {webhook.event_type}"
    if not webhook.enabled:
        return f"{name} is disabled"
    if url and not _leads_to(webhook, url):
        # Only the host: the rest of the URL may hold another product's secret.
        return f"{name} leads elsewhere, to {_host(webhook.url) or 'no host'}"
    return ""


def _is_own(webhook: Webhook, url: str | None) -> bool:
    return webhook.name.lower().startswith("huntbridge") or _leads_to(webhook, url)


def _leads_to(webhook: Webhook, url: str | None) -> bool:
    return url is not None and _comparable(webhook.url) == _comparable(url)


def _comparable(url: str) -> tuple[str, str, str]:
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


def _report(webhooks: Iterable[Webhook], url: str | None, notes: Notes, events: Queue, now: datetime) -> None:
    texts = problems(webhooks, url)
    seen = notes.get(kinds.WEBHOOK_NOTES, "webhook")
    times, broken = int(seen.get("times", 0)), bool(seen.get("broken"))
    if not texts:
        if broken:
            raise_event(events, _event(times, now, repaired=True))
            log.info("webhook works again")
        if broken or not seen:
            notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": False, "times": times})
        return
    if broken or not (seen or any(_is_own(webhook, url) for webhook in webhooks)):
        return  # reported already, or never registered, which `huntbridge webhook` and `check` report
    text = "\n".join(text[:1].upper() + text[1:] + "." for text in texts)
    raise_event(events, _event(times + 1, now, text))
    notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": True, "times": times + 1})
    log.error("webhook does not reach huntbridge", extra={"reason": "; ".join(texts)})


def _event(number: int, now: datetime, text: str = "", *, repaired: bool = False) -> Event:
    return Event(
        id=f"{WEBHOOK_BROKEN}:{number}{':mended' if repaired else ''}",
        kind=WEBHOOK_BROKEN,
        received_at=now,
        text=text,
        mended=repaired,
    )
