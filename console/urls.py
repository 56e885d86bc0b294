"""The addresses of things in the console. Keys and ids may hold slashes and hostile text, so they are quoted
here, and in shared/models/console_pages.py for the pages that messages link to."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from shared.models.console_pages import case, hunt


def cases(**query: str) -> str:
    return with_query("/cases", query)


def event(event_id: str) -> str:
    return f"/events/{quote(event_id, safe='/@:', errors='replace')}"


def deliveries(**query: str) -> str:
    return with_query("/deliveries", query)


def mute(**query: str) -> str:
    return with_query("/rules/mute", query)


def system(system_key: str) -> str:
    return with_query("/deliveries", {"system": system_key}) + "#history"


def quoted(path: str) -> str:
    return "/" + quote(path.lstrip("/"), safe="/@:", errors="replace")


def with_query(path: str, query: dict[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given, errors='replace')}" if given else path


__all__ = [
    "FOR_TEMPLATES",
    "case",
    "cases",
    "deliveries",
    "event",
    "hunt",
    "mute",
    "quoted",
    "system",
    "with_query",
]

# What templates call these.
FOR_TEMPLATES: dict[str, Callable[..., str]] = {
    "case_url": case,
    "cases_url": cases,
    "event_url": event,
    "hunt_url": hunt,
    "deliveries_url": deliveries,
    "mute_url": mute,
    "system_url": system,
}
