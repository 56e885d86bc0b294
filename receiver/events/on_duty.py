"""Asks PagerDuty who is on duty by the configured schedule.

The answer is kept for some minutes, since alarms come in storms and duty changes seldom. It is never kept
beyond the end of the duty.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

from shared.config.on_duty import PagerDutyScheduleConfig
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.models.owners import Duty
from shared.secrets import Secret, SecretError, SecretRef
from shared.text import one_line

KEPT_FOR = timedelta(minutes=5)
MAX_PEOPLE = 3
_MAX_NAME = 80
_WRONG_KEY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class DutyUnknown(Exception):
    """It cannot be found out who is on duty. The text says why, for people."""


class DutyRoster(Protocol):
    """Knows who is on duty."""

    def on_duty(self) -> Duty | None:
        """None if nobody is. Raises DutyUnknown."""
        ...


class PagerDutyRoster:
    """One schedule. Safe to use from several threads."""

    def __init__(
        self,
        config: PagerDutyScheduleConfig,
        http: Callable[[], Http],
        secret: Callable[[SecretRef], Secret],
        now: Callable[[], datetime],
    ) -> None:
        self._config, self._make_http, self._secret, self._now = config, http, secret, now
        self._lock = threading.Lock()
        self._http: Http | None = None
        self._known: tuple[datetime, Duty | None] | None = None

    def on_duty(self) -> Duty | None:
        with self._lock:
            now = self._now()
            if self._known and _is_fresh(*self._known, now):
                return self._known[1]
            duty = self._ask(now)
            self._known = now, duty
            return duty

    def _ask(self, now: datetime) -> Duty | None:
        config = self._config
        try:
            self._http = self._http or self._make_http()
            answer = self._http.request(
                "GET",
                f"{config.api_url}/oncalls",
                headers={
                    "Authorization": f"Token token={self._secret(config.token).reveal()}",
                    "Accept": "application/json",
                },
                params={"schedule_ids[]": [config.schedule], "limit": 25},
            )
        except NetworkError as error:
            raise DutyUnknown(f"PagerDuty: {error}") from None
        except (SecretError, ValueError) as error:
            raise DutyUnknown(f"on_duty.pagerduty: {error}") from None
        if answer.status in _WRONG_KEY:
            raise DutyUnknown(f"PagerDuty does not take the key of on_duty (answered {answer.status})")
        if answer.status != HTTPStatus.OK:
            raise DutyUnknown(f"PagerDuty answered {answer.status}")
        try:
            entries = answer.json()["oncalls"]
        except (ValueError, KeyError, TypeError):
            raise DutyUnknown("PagerDuty's answer was not understood") from None
        if not isinstance(entries, list):
            raise DutyUnknown("PagerDuty's answer was not understood")
        return _duty(entries, config.schedule, now)


def _is_fresh(asked_at: datetime, duty: Duty | None, now: datetime) -> bool:
    if not timedelta() <= now - asked_at < KEPT_FOR:
        return False
    return not (duty and duty.until) or now < duty.until


def _duty(entries: list[Any], schedule: str, now: datetime) -> Duty | None:
    """Who is on duty now, from the entries of PagerDuty's answer. An escalation policy has an entry of its
    own for the same person."""
    names: list[str] = []
    ends: list[datetime] = []
    for entry in filter(_is_object, entries):
        start, end = _moment(entry.get("start")), _moment(entry.get("end"))
        if (start and now < start) or (end and end <= now) or _text(entry, "schedule", "id") != schedule:
            continue
        if name := one_line(_text(entry, "user", "summary") or _text(entry, "user", "name"), _MAX_NAME):
            names.append(name)
            ends += [end] if end else []
    people = tuple(dict.fromkeys(names))[:MAX_PEOPLE]
    return Duty(people, min(ends, default=None)) if people else None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _text(entry: Mapping[str, Any], part: str, key: str) -> str:
    inner = entry.get(part)
    value = inner.get(key) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else ""


def _moment(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
