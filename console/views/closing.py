"""What the form that closes a case says and asks about known-good findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from receiver.cases.deciding import Deciding, mark_of
from receiver.messages.subject import host_of
from shared.models.cases import Case
from shared.models.hunts import hunt_name
from shared.models.known_good import MOST_FINDINGS, latest_end
from shared.models.known_good_terms import Scope, Terms
from shared.models.severity import Severity
from shared.models.system_findings import SystemFinding

_FINGERPRINT = re.compile(r"[0-9a-f]{16}", re.ASCII)
_MOST_TAG = 400  # characters of KEY=VALUE


@dataclass(frozen=True)
class Closing:
    """The findings that a harmless verdict makes known good, and what can be chosen."""

    withheld: tuple[SystemFinding, ...]
    malicious: tuple[tuple[str, SystemFinding], ...]  # with their fingerprints; known good only if named
    shown: str  # stands for all these findings
    hunt: str  # the name of the hunt; empty if the case has none
    tags: tuple[str, ...]  # KEY=VALUE
    until: date  # unless somebody chooses another day
    first: date
    last: date


@dataclass(frozen=True)
class Chosen:
    """What somebody chose in the form. Empty texts are the defaults."""

    scope: str = ""
    until: str = ""
    tag: str = ""
    malicious: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseClosing:
    """What a harmless verdict about one of several cases does."""

    key: str
    name: str  # of its system
    closing: Closing


def what_closing_does(deciding: Deciding, key: str, case: Case) -> Closing | None:
    """None if closing the case makes nothing known good."""
    return _closing(deciding, deciding.told(key, case), case)


def closings_of(deciding: Deciding, keys: Iterable[str]) -> tuple[CaseClosing, ...]:
    """Those of these cases of which closing makes something known good."""
    cases = {key: case for key, case in deciding.ledger.cases.get_many(keys).items() if not case.closure}
    systems = {key: case.system.as_lasting for key, case in cases.items() if case.system}
    found = deciding.ledger.findings.of_systems({system.lasting: None for system in systems.values()})
    closings = []
    for key, system in systems.items():
        told = found[system.lasting].told_in(key) if system.lasting in found else {}
        if closing := _closing(deciding, told, cases[key]):
            closings.append(CaseClosing(key, host_of(cases[key].alarm) or system.title, closing))
    return tuple(closings)


def _closing(deciding: Deciding, found: Mapping[str, SystemFinding], case: Case) -> Closing | None:
    if not found:
        return None
    now = deciding.now()
    malicious = [item for item in found.items() if item[1].told_severity is Severity.MALICIOUS]
    alarm = case.alarm
    return Closing(
        tuple(each for each in found.values() if each.told_severity is not Severity.MALICIOUS),
        tuple(malicious),
        mark_of(found),
        hunt_of(case),
        tuple(f"{name}={value}" for name, value in alarm.instance.tags.items()) if alarm.instance else (),
        (now + timedelta(days=deciding.known_good_days)).date(),
        (now + timedelta(days=1)).date(),
        latest_end(now).date(),
    )


def terms_of(chosen: Chosen, closing: Closing | None) -> Terms | None:
    """The terms that somebody chose; None: the defaults. Raises ValueError with a sentence."""
    if closing is None or not chosen.scope:
        return None
    if chosen.scope not in set(Scope):
        raise ValueError("the scope is missing: choose where the findings are known good")
    scope = Scope(chosen.scope)
    tag, _, value = chosen.tag.strip()[:_MOST_TAG].partition("=") if scope is Scope.TAG else ("", "", "")
    return Terms(
        scope,
        _end(chosen.until),
        closing.hunt if scope is Scope.HUNT else "",
        (tag.strip(), value.strip()),
        tuple(each for each in chosen.malicious[:MOST_FINDINGS] if _FINGERPRINT.fullmatch(each)),
    )


def hunt_of(case: Case) -> str:
    """The name of the case's hunt; empty if it has none."""
    alarm = case.alarm
    return alarm.hunt.name if alarm.hunt else hunt_name(alarm.event.hunt_id or "")


def _end(day: str) -> datetime | None:
    """The beginning of the day, in UTC; None if none is chosen."""
    if not day.strip():
        return None
    try:
        return datetime.strptime(day.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("the end is no date: write it as YYYY-MM-DD") from None
