"""Judges the findings of an alarm against those that its system had before and against what people decided.

The answer says whether people are told, in which case, and why. The findings of each system are kept in one
document. It is changed by one conditional write for each alarm, which also keeps the answer, so an alarm that
is handled again gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from receiver.messages.counts import adds_up
from receiver.messages.subject import system_of
from shared.models.alarms import Alarm
from shared.models.decisions import CaseState
from shared.models.event_kinds import ALARM_KINDS, OWN_KINDS, TEST
from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.models.hunts import hunt_name
from shared.models.judgements import MOST_SHOWN, JudgedFinding, Judgement
from shared.models.known_good import Entry, Place, best_match
from shared.models.mutes import Muted
from shared.models.occurrences import Occurrence, by_fingerprint, explains_all, occurrences
from shared.models.severity import Severity
from shared.models.system_findings import (
    Cover,
    CurrentCase,
    Ruling,
    Seen,
    Status,
    SystemFindings,
    rule,
)
from shared.models.systems import System
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.cases import CaseQueries

_BEGINNING = timedelta(hours=1)  # the longest time between the judgement that begins a case and its record


@dataclass(eq=False, repr=False)
class Judge:
    """Judges the findings of alarms."""

    ledger: Ledger
    cases: CaseQueries
    now: Callable[[], datetime]
    across_hunts: bool = True  # a case lives until somebody closes it; otherwise each project has its own

    def judge(self, alarm: Alarm, muted: Muted) -> Judgement | None:
        """None if the event reports no alarms, if its system is not known, or if cases do not live across
        hunts. Also None if a mute covers the whole alarm and not every place is known. Raises StoreError."""
        system = system_of(alarm)
        if not self.across_hunts or system is None or alarm.event.kind not in ALARM_KINDS:
            return None
        seen = _seen(alarm, system)
        if muted.whole and not seen.complete:
            return None
        covers = self._covers(alarm, system, seen, muted)
        while True:
            known, version = self.ledger.findings.read(system.lasting)
            if not version:
                known = self._taken_over(system)
            after, ruling = rule(
                known,
                seen,
                self._current(known),
                lambda number: f"system/{system.lasting}/{number}",
                lambda occurrence: covers[occurrence.fingerprint],
            )
            if after == known or self.ledger.findings.save(system.lasting, after, version):
                return _judgement(seen, ruling, after)

    def case_of(self, alarm: Alarm) -> str:
        """The key of the case that an event without alarms belongs to: its system's, if that is not closed.
        Empty if there is none. Raises StoreError."""
        system = system_of(alarm)
        if not self.across_hunts or system is None or alarm.event.kind in OWN_KINDS | {TEST}:
            return ""
        case = self._current(self.ledger.findings.of_system(system.lasting))
        return case.key if case and case.state is not CaseState.CLOSED else ""

    def _covers(self, alarm: Alarm, system: System, seen: Seen, muted: Muted) -> dict[str, Cover]:
        """What people decided about each finding, by fingerprint. Nothing is withheld of an alarm of which
        not everything is known."""
        entries = self.ledger.known_good.naming(system.lasting) if seen.complete and seen.occurrences else ()
        place = Place(
            system.lasting,
            alarm.hunt.name if alarm.hunt else hunt_name(_hunt_id(alarm)),
            alarm.instance.tags if alarm.instance else {},
        )
        return {
            each.fingerprint: self._covered(each, place, entries, muted) if seen.complete else Cover()
            for each in seen.occurrences
        }

    def _covered(self, occurrence: Occurrence, place: Place, entries: Iterable[Entry], muted: Muted) -> Cover:
        match = best_match(occurrence, place, entries, self.now())
        if match and not match.not_covered:
            entry = match.entry
            return Cover(Status.KNOWN, entry.id, author=entry.by, reason=entry.why, until=entry.until)
        if mute := muted.findings.get(occurrence.fingerprint):
            return Cover(Status.MUTED, mute.id, author=mute.by, reason=mute.why, until=mute.until)
        return Cover(by=match.entry.id, why=match.not_covered) if match else Cover()

    def _current(self, known: SystemFindings) -> CurrentCase | None:
        case = self.ledger.cases.get(known.case) if known.case else None
        if case:
            closure = case.closure
            return CurrentCase(
                known.case,
                case.state,
                closure.verdict if closure else None,
                closure.id if closure else "",
            )
        # Another worker has judged an alarm of this case, and is about to record the case.
        told = (each.told_at for each in known.findings.values() if each.case == known.case)
        is_begun = any(at and self.now() - at < _BEGINNING for at in told)
        return CurrentCase(known.case, CaseState.OPEN) if is_begun else None

    def _taken_over(self, system: System) -> SystemFindings:
        """What is known of a system whose earlier alarms an earlier version handled: its newest case that is
        not closed goes on."""
        rows = self.cases.of_system(system.lasting_key, limit=10).rows
        row = next((row for row in rows if row.state is not CaseState.CLOSED), None)
        return SystemFindings(case=row.key) if row else SystemFindings()


def _hunt_id(alarm: Alarm) -> str:
    return alarm.hunt.id if alarm.hunt else alarm.event.hunt_id or ""


def _seen(alarm: Alarm, system: System) -> Seen:
    """The alarm as far as a ruling depends on it. Without the platform's word that these are the findings of
    this system, it has none: they might be those of another machine."""
    evidence, capture, event = alarm.evidence, alarm.capture, alarm.event
    instances = (evidence.instance if evidence else "", capture.system.instance if capture else "")
    confirmed = evidence is not None and not event.ambiguous and system.instance in instances
    found = occurrences(alarm.findings) if confirmed else ()
    complete = bool(found) and adds_up(alarm) and explains_all(alarm.findings)
    # If the hunt of an alarm is not known, its project stands for the hunt.
    hunt_id = _hunt_id(alarm) or ("" if event.project_id is None else f"project/{event.project_id}")
    return Seen(event.id, event.received_at, hunt_id, found, complete)


def _judgement(seen: Seen, ruling: Ruling, after: SystemFindings) -> Judgement:
    by_mark = {each.fingerprint: each for each in seen.occurrences}
    found = []
    for judged in ruling.findings:
        occurrence, known = by_mark.get(judged.fingerprint), after.findings.get(judged.fingerprint)
        # The ruling may be older, and the platform may not name the finding any more.
        named = occurrence or known
        if named is None:
            continue
        covered = ruling.covers.get(judged.by, Cover()) if judged.status.is_withheld else Cover()
        found.append(
            JudgedFinding(
                judged.fingerprint,
                judged.status,
                named.description,
                named.path,
                named.severity,
                named.count,
                hunts=known.hunts if known else 1,
                first_at=known.first_at if known else None,
                first=judged.first,
                by=judged.by,
                author=covered.author,
                reason=covered.reason,
                until=covered.until,
                not_covered=judged.why if judged.status is not Status.SEEN else "",
            )
        )
    found.sort(key=lambda each: (not each.status.is_news, each.status.is_withheld, -each.severity.rank))
    return Judgement(
        ruling.case,
        ruling.tell,
        tuple(found[:MOST_SHOWN]),
        total=len(found),
        complete=seen.complete,
        continues=ruling.continues,
        hunts=ruling.hunts,
        since=ruling.since,
    )


def told_part(alarm: Alarm, judgement: Judgement) -> Alarm:
    """The alarm without the findings that are withheld. Its severity and its numbers are those of the rest,
    so that what is withheld calls nobody."""
    withheld = {each.fingerprint for each in judgement.withheld}
    alarm = replace(alarm, case=judgement.case, judgement=judgement)
    if not judgement.tell:
        return alarm
    alarm = replace(alarm, findings=_with_lost(alarm.findings, judgement))
    if not withheld:
        return alarm
    findings = tuple(filter(None, (_without(finding, withheld) for finding in alarm.findings)))
    counts = {
        severity: sum(finding.count for finding in findings if finding.severity is severity)
        for severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
    }
    told = [finding.severity for finding in findings if finding.severity in counts]
    return replace(
        alarm,
        findings=findings,
        malicious=counts[Severity.MALICIOUS],
        suspicious=counts[Severity.SUSPICIOUS],
        severity=max(told, key=lambda severity: severity.rank, default=alarm.severity),
    )


def _with_lost(findings: tuple[Finding, ...], judgement: Judgement) -> tuple[Finding, ...]:
    """The findings with those that an earlier attempt judged, and that the platform does not list now: later
    alarms take them for told."""
    listed = by_fingerprint(findings)
    lost = [
        each for each in judgement.findings if not each.status.is_withheld and each.fingerprint not in listed
    ]
    again = {(each.description, each.severity) for each in lost}
    kept = (each for each in findings if each.artefacts or (each.description, each.severity) not in again)
    return (
        *kept,
        *(
            Finding(
                each.description,
                each.count,
                each.severity,
                path=each.path if each.severity is Severity.MALICIOUS else "",
                artefacts=(Artefact(each.path, each.count),),
            )
            for each in lost
        ),
    )


def _without(finding: Finding, withheld: set[str]) -> Finding | None:
    """The finding without the places that are withheld; None if nothing is left."""
    left = [
        each for each in finding.artefacts if fingerprint(finding.description, each.path).id not in withheld
    ]
    if len(left) == len(finding.artefacts):
        return finding
    if not left:
        return None
    path = finding.path if finding.path in {each.path for each in left} else left[0].path
    return replace(finding, artefacts=tuple(left), count=sum(each.count for each in left), path=path)
