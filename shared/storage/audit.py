"""The audit log: who did what, when and from where. Entries are added, and never changed, but they expire,
and the command `erase` takes out what names an erased system.

Each entry is a document of the store and a line of the log. The entries of one month share a group, so that
the newest are found without reading all.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.config.config import Config
from shared.models.codec import dump, load
from shared.models.decisions import Action, CaseDecision
from shared.storage import kinds
from shared.storage.ports import Body, Store
from shared.text import one_line

log = logging.getLogger(__name__)

ACK, DEAD_RETRY, DEAD_DISCARD, EVENT_RESEND = "ack", "dead retry", "dead discard", "event resend"
MUTE_ADD, MUTE_END = "mute add", "mute end"
KNOWN_GOOD_END = "known good end"
HUNT_RUN, HUNT_STOP = "hunt run", "hunt stop"
CAPTURE_AGAIN = "capture again"
CASE_RELEASE, CASE_CLOSE, CASE_REOPEN = "case release", "case close", "case reopen"
WEBHOOK_REGISTER, WEBHOOK_TEST, SEND_TEST = "webhook register", "webhook test", "send-test"
INTELLIGENCE_PUSH, INTELLIGENCE_REMOVE = "intelligence push", "intelligence remove"
INTELLIGENCE_RERUN = "intelligence rerun"
CONFIGURATION = "configuration"
RESTORE, ERASE = "restore", "erase"
_OF_CASES = {
    Action.ACKNOWLEDGE: ACK,
    Action.RELEASE: CASE_RELEASE,
    Action.CLOSE: CASE_CLOSE,
    Action.REOPEN: CASE_REOPEN,
}
_MAX_TEXT = 300  # characters that are kept of a text
_MAX_ENTRIES = 100  # that are kept of a list, and of `before` and `after`
_MONTHS = 24  # that `newest` looks back


@dataclass(frozen=True)
class Entry:
    """One line of the audit log."""

    at: datetime
    action: str  # one of the texts above
    by: str  # a user of the operating system or of Slack, or an IAM identity
    origin: str  # from where, such as the command line on a host
    about: str  # what it was done to: a case, a dead item, a hunt, the configuration
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def record(store: Store, entry: Entry, id: str) -> None:
    """Add an entry. The same `id` and time again adds nothing, so a repeat is safe. Raises StoreError."""
    entry = Entry(
        entry.at,
        entry.action,
        _short(entry.by),
        _short(entry.origin),
        _short(entry.about),
        _bounded(entry.before),
        _bounded(entry.after),
    )
    name = f"{entry.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}-{_digest(id)}"
    if store.put(kinds.AUDIT, _month(entry.at), name, dump(entry), expect=0):
        before, after = (
            json.dumps(_without_nulls(values), ensure_ascii=False) for values in (entry.before, entry.after)
        )
        keys = {"action": entry.action, "about": entry.about, "by": entry.by, "origin": entry.origin}
        log.info("audit entry", extra=keys | {"before": before, "after": after})


def newest(store: Store, now: datetime) -> Iterator[Entry]:
    """The entries of the last two years, newest first."""
    month = now.astimezone(UTC).replace(day=1)
    for _ in range(_MONTHS):
        records = sorted(store.scan(kinds.AUDIT, _month(month)), key=lambda record: record.name, reverse=True)
        yield from (load(Entry, record.body) for record in records)
        month = (month - timedelta(days=1)).replace(day=1)


def decided(store: Store, case_key: str, decision: CaseDecision) -> None:
    """Record a decision about a case."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    match decision.action:
        case Action.ACKNOWLEDGE:
            before, after = {"taken_by": None}, {"taken_by": decision.by}
        case Action.RELEASE:
            before, after = {"taken_by": decision.holder}, {"taken_by": None}
        case Action.CLOSE:
            earlier = decision.verdict if decision.refines else None
            before, after = {"closed_as": earlier}, {"closed_as": decision.verdict}
            if decision.covers and decision.terms:
                after |= {
                    f"known_good_{name}": value for name, value in dump(decision.terms).items() if value
                }
                after |= {"known_good": decision.covers}
        case Action.REOPEN:
            before = {"closed_as": decision.closed.verdict if decision.closed else None}
            after = {"closed_as": None} | ({"alarm": decision.alarm} if decision.alarm else {})
    after |= {"why": decision.why} if decision.why else {}
    _record_decision(store, case_key, decision, before, after)


def slack_user(name: str, id: str) -> str:
    return f"{name} (Slack user {id})"


def _record_decision(
    store: Store, case_key: str, decision: CaseDecision, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    by = slack_user(decision.by, decision.slack) if decision.slack else decision.by
    action = _OF_CASES[decision.action]
    record(store, Entry(decision.at, action, by, decision.origin, case_key, before, after), decision.id)


def configuration_loaded(store: Store, config: Config, by: str, origin: str, now: datetime) -> None:
    """Add an entry if the configuration differs from the one that was loaded before."""
    after = _settings(config)

    def replace(body: Body | None) -> tuple[Body, Body | None]:
        return {"settings": after}, body

    known = store.update(kinds.AUDIT_CONFIGURATION, "", "-", replace)
    before = known["settings"] if known else {}
    if before == after:
        return
    changed = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    old, new = ({key: settings.get(key) for key in changed} for settings in (before, after))
    about = f"{len(changed)} settings" if known else "the first one recorded here"
    record(store, Entry(now, CONFIGURATION, by, origin, about, old, new), f"{now.isoformat()} {about}")


def _settings(config: Config) -> dict[str, str]:
    """Every setting that is not the default, by its place, such as `hunts.weekly.targets`.

    The configuration holds references to secrets, not the secrets. Only a destination's URL may be secret, so
    it is kept as a digest.
    """
    settings: dict[str, str] = {}

    def add(place: tuple[str, ...], value: Any) -> None:
        if isinstance(value, dict) and value and len(place) < 3:
            for key, inner in value.items():
                add((*place, str(key)), inner)
            return
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        secret = place[:1] == ("destinations",) and place[2:] == ("url",)
        if secret or len(text) > _MAX_TEXT:
            text = f"{'' if secret else text[: _MAX_TEXT - 20]}…{_digest(text)}"
        settings[".".join(place)] = text

    add((), config.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    return settings


def _bounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with short texts, and no more than _MAX_ENTRIES of them."""
    kept = {_short(key): _value(values[key]) for key in list(values)[:_MAX_ENTRIES]}
    return kept | ({"…": f"{len(values) - _MAX_ENTRIES} more"} if len(values) > _MAX_ENTRIES else {})


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """For the first configuration, every key of `before` is null."""
    return {key: value for key, value in values.items() if value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        more = [f"… {len(value) - _MAX_ENTRIES} more"] if len(value) > _MAX_ENTRIES else []
        return [*(_value(item) for item in value[:_MAX_ENTRIES]), *more]
    return value if value is None or isinstance(value, bool | int | float) else _short(str(value))


def _short(text: str) -> str:
    return one_line(text, _MAX_TEXT)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _month(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"
