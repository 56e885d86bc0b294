"""What the page about settings says: the configuration in force, what the checks found, how the platform's
webhooks are, and who did what."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from shared.config.config import Config
from shared.config.yaml import write_yaml
from shared.hosting.runtime import Runtime
from shared.models.checks import CheckResult
from shared.phrases import counted
from shared.queues.check_results import LastChecks
from shared.queues.ports import Queue
from shared.secrets import SecretRef
from shared.storage import kinds
from shared.storage.audit import Entry
from shared.storage.queries.pages import Rows
from shared.text import one_line

_AUDIT = 25
_PASSWORDS = ("password", "password_hash", "hash")
_MAX_VALUE = 120  # characters of a value in the audit log


@dataclass(frozen=True)
class Checks:
    """What `huntbridge check` says."""

    findings: tuple[CheckResult, ...]  # what does not work first
    at: datetime | None = None  # when everything was asked; None: only what needs no call was checked
    unfinished: bool = False  # the time was over before everything was asked

    @property
    def failed(self) -> int:
        return sum(not finding.ok for finding in self.findings)


@dataclass(frozen=True)
class Depth:
    name: str
    waiting: int
    dead: int
    oldest: datetime | None


@dataclass(frozen=True)
class AuditRow:
    """One entry of the audit log, with its changes as text."""

    entry: Entry
    changes: tuple[tuple[str, str, str], ...]  # what, before, after


@dataclass(frozen=True)
class SettingsView:
    title: str
    checks: Checks
    configuration: str
    users: tuple[tuple[str, str], ...]  # name and role of those who sign in with a password
    version: str
    python: str
    queues: tuple[Depth, ...]
    webhook_url: str
    webhook_state: str  # ok, broken, or unknown
    daily: LastChecks
    webhook_watched: bool  # whether there is a key with which webhooks can be looked at and registered
    destinations: tuple[str, ...]
    audit: Rows[AuditRow]


def settings_view(
    runtime: Runtime, checks: Checks, version: str, *, page: str = "", limit: int = _AUDIT
) -> SettingsView:
    """Raises StoreError, QueueError and BadToken."""
    entries = runtime.queries.audit.newest(limit=limit, page=page)
    return SettingsView(
        title=title(checks),
        checks=checks,
        configuration=configuration_text(runtime.config),
        users=tuple((name, str(user.role)) for name, user in runtime.config.console.users.items()),
        version=version,
        python=platform.python_version(),
        queues=tuple(map(_depth, (runtime.captures, runtime.events, runtime.deliveries))),
        webhook_url=runtime.config.webhook.url or "",
        webhook_state=_webhook_state(runtime),
        webhook_watched=runtime.config.platform.admin_key is not None,
        daily=runtime.check_results.last(),
        destinations=tuple(runtime.config.destinations),
        audit=Rows(tuple(map(audit_row, entries.rows)), entries.next),
    )


def title(checks: Checks) -> str:
    if checks.failed:
        verb = "fails" if checks.failed == 1 else "fail"
        return f"{checks.failed} of {counted(len(checks.findings), 'check')} {verb}"
    if checks.at is None:
        return "The configuration is valid; whether everything answers was not checked"
    return f"All {len(checks.findings)} checks pass"


def worst_first(findings: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    return tuple(sorted(findings, key=lambda finding: (finding.ok, not finding.warning)))


def configuration_text(config: Config) -> str:
    """The configuration without defaults, as YAML. Secrets are references there; a part of a URL that may be
    a secret is hidden."""
    data = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return write_yaml(_shown(data, ()))


def _shown(value: Any, place: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _shown(inner, (*place, str(key))) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(inner, place) for inner in value]
    if not isinstance(value, str):
        return value
    if place and place[-1] in _PASSWORDS and not _is_reference(value):
        return "<hidden>"
    return _without_path(value) if place[:1] == ("destinations",) and "://" in value else str(value)


def _is_reference(text: str) -> bool:
    try:
        SecretRef.parse(text)
    except ValueError:
        return False
    return True


def _without_path(url: str) -> str:
    """The URL of a destination may be a secret as a whole. Only its host is shown."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "<hidden>"
    rest = "/<hidden>" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{rest}"


def _depth(queue: Queue) -> Depth:
    depth = queue.depth()
    return Depth(queue.name, depth.living, depth.dead, depth.oldest)


def _webhook_state(runtime: Runtime) -> str:
    seen = runtime.ledger.notes.get(kinds.WEBHOOK_NOTES, "webhook")
    return "unknown" if not seen else "broken" if seen.get("broken") else "ok"


def audit_row(entry: Entry) -> AuditRow:
    keys = dict.fromkeys((*entry.before, *entry.after))
    changes = ((one_line(key), _text(entry.before.get(key)), _text(entry.after.get(key))) for key in keys)
    return AuditRow(entry, tuple(change for change in changes if change[1] != change[2]))


def _text(value: object) -> str:
    return "" if value is None else one_line(str(value), _MAX_VALUE)
