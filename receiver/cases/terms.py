"""The dialog in which somebody who closed a case in Slack chooses its terms: what it offers, and what a
choice means."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from receiver.destinations.contract import Option, TermsForm
from receiver.intake.slack_request import MAX_NAMED
from shared.models.cases import Case
from shared.models.decisions import CaseDecision
from shared.models.known_good import MOST_DAYS
from shared.models.known_good_terms import Scope, Terms
from shared.models.severity import Severity
from shared.models.system_findings import SystemFinding
from shared.models.systems import System
from shared.queues.items import SlackTerms

_DAYS = (7, 30, 90, 180, MOST_DAYS)
_MOST_TAGS = 90  # of a system; Slack shows 100 options


def form_of(
    case_key: str,
    case: Case,
    closing: CaseDecision,
    findings: Iterable[tuple[str, SystemFinding]],
    usual: int,
) -> TermsForm:
    """What the dialog offers. `findings`: those of the system, by fingerprint. `usual`: days for which
    findings are known good if nobody says otherwise."""
    assert closing.verdict is not None
    form = TermsForm(case_key, closing.id, closing.verdict)
    if not closing.verdict.is_harmless or case.system is None:
        return form
    return TermsForm(
        case_key,
        closing.id,
        closing.verdict,
        scopes=tuple(_scopes(case, case.system.as_lasting)),
        days=tuple(_days(closing.at, usual)),
        usual_days=str(usual),
        malicious=tuple(_malicious(case_key, findings))[-MAX_NAMED:],
    )


def terms_of(case: Case, closing: CaseDecision, item: SlackTerms) -> Terms | None:
    """The terms that somebody chose; None if the verdict has none. Raises ValueError, whose text is a
    sentence without a full stop, if they are not offered any more."""
    if not item.scope:
        return None
    hunt, tag, scope = "", ("", ""), Scope.TAG
    if item.scope.startswith("tag:"):
        tag = next((tag for tag in _tags(case) if _tag_value(tag) == item.scope), tag)
        if not tag[0]:
            raise ValueError("the system does not have this tag any more")
    else:
        scope = Scope(item.scope)
    if scope is Scope.HUNT:
        hunt = _hunt(case)
    until = closing.at + timedelta(days=item.days)
    return Terms(scope, until, hunt=hunt, tag=tag, malicious=item.malicious)


def _scopes(case: Case, system: System) -> Iterator[Option]:
    yield Option(Scope.SYSTEM.value, f"On this system, {system.title}")
    if hunt := _hunt(case):
        yield Option(Scope.HUNT.value, f"On every system of the hunt {hunt}")
    for tag in _tags(case):
        yield Option(_tag_value(tag), f"On every system with {'='.join(tag)}")
    yield Option(Scope.EVERYWHERE.value, "Everywhere")


def _days(closed_at: datetime, usual: int) -> Iterator[Option]:
    for days in sorted({*_DAYS, usual}):
        word = "day" if days == 1 else "days"
        yield Option(str(days), f"For {days} {word}, until {closed_at + timedelta(days=days):%Y-%m-%d}")


def _malicious(case_key: str, findings: Iterable[tuple[str, SystemFinding]]) -> Iterator[Option]:
    for fingerprint, finding in findings:
        if finding.case == case_key and finding.told_severity is Severity.MALICIOUS:
            yield Option(fingerprint, f"{finding.description} {finding.path}".strip())


def _hunt(case: Case) -> str:
    return case.alarm.hunt.name if case.alarm.hunt else ""


def _tags(case: Case) -> list[tuple[str, str]]:
    tags = case.alarm.instance.tags if case.alarm.instance else {}
    return [(key, value) for key, value in sorted(tags.items()) if key and value][:_MOST_TAGS]


def _tag_value(tag: tuple[str, str]) -> str:
    """The value of the tag's option. A tag may be longer than such a value."""
    digest = hashlib.sha256("\0".join(tag).encode("utf-8", "surrogatepass")).hexdigest()
    return f"tag:{digest[:16]}"
