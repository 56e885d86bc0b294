"""What the form that closes a case says and asks about known-good findings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from shared.config.cases import CasesConfig
from shared.models.cases import Case
from shared.models.hunts import hunt_name
from shared.models.known_good import MOST_FINDINGS, latest_end
from shared.models.known_good_terms import Scope, Terms
from shared.models.severity import Severity
from shared.models.system_findings import SystemFinding
from shared.storage.ledger.findings import Findings

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
    shown: str = ""


def what_closing_does(
    findings: Findings, config: CasesConfig, key: str, case: Case, now: datetime
) -> Closing | None:
    """None if closing the case makes nothing known good."""
    if not config.across_hunts or case.system is None:
        return None
    found = {
        fingerprint: finding
        for fingerprint, finding in findings.of_system(case.system.instance).findings.items()
        if finding.case == key
    }
    if not found:
        return None
    malicious = [item for item in found.items() if item[1].told_severity is Severity.MALICIOUS]
    alarm = case.alarm
    return Closing(
        tuple(each for each in found.values() if each.told_severity is not Severity.MALICIOUS),
        tuple(malicious),
        _digest(found),
        hunt_of(case),
        tuple(f"{name}={value}" for name, value in alarm.instance.tags.items()) if alarm.instance else (),
        (now + timedelta(days=config.known_good_days)).date(),
        (now + timedelta(days=1)).date(),
        latest_end(now).date(),
    )


def terms_of(chosen: Chosen, closing: Closing | None) -> Terms | None:
    """The terms that somebody chose; None: the defaults. Raises ValueError with a sentence."""
    if closing is None or not chosen.scope:
        return None
    if chosen.shown != closing.shown:
        raise ValueError("the case has other findings since you opened this page: look at them first")
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


def _digest(fingerprints: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(sorted(fingerprints)).encode()).hexdigest()[:16]
