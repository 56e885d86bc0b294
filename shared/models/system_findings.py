"""What is known of the findings of one system over all hunts, and what is decided about each new alarm.

`rule` is the heart of it: it compares the findings of an alarm with those that the system had before, and
decides whether people are told, and in which case. It reads and writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from shared.models.decisions import CaseState, Verdict
from shared.models.evidence import Finding
from shared.models.occurrences import MOST_CONTENTS, Occurrence, many_more, occurrences
from shared.models.severity import Severity

T = TypeVar("T")
# The limits of one document. They keep it below the limit of a DynamoDB item, which is 400 kB.
MOST_FINDINGS, MOST_RULINGS = 400, 20
_MOST_TEXT = 300  # characters of a description or a path
_MOST_COVERS, _MOST_REASON = 10, 200  # that a ruling keeps, and the characters of each reason


class Status(StrEnum):
    """What a finding of an alarm is, compared with the earlier ones of the same system."""

    NEW = "new"  # never seen on this system
    WORSE = "worse"  # more severe than when it was told
    MORE = "more"  # many times as many alarms as when it was told
    AGAIN = "again"  # seen before, and told because no entry covers it any more, or its case was closed
    SEEN = "seen"  # told before, and its case is not closed
    KNOWN = "known"  # known good
    MUTED = "muted"

    @property
    def words(self) -> str:
        """Whether people are told of such a finding, and why."""
        return _WORDS[self]

    @property
    def is_news(self) -> bool:
        """Whether people are told of it now."""
        return self in (Status.NEW, Status.WORSE, Status.MORE, Status.AGAIN)

    @property
    def is_withheld(self) -> bool:
        """Whether a person decided that nobody is told of it."""
        return self in (Status.KNOWN, Status.MUTED)


_WORDS = {
    Status.NEW: "told: this system never had it before",
    Status.WORSE: "told: it is more severe than when it was told before",
    Status.MORE: "told: there are many times as many alarms as when it was told before",
    Status.AGAIN: "told: it was found before, and its case is closed or it was withheld",
    Status.SEEN: "not told again: its case is open, and it was told there",
    Status.KNOWN: "withheld: known good",
    Status.MUTED: "withheld: muted",
}


@dataclass(frozen=True)
class SystemFinding:
    """One finding of a system, over all hunts."""

    description: str
    path: str
    severity: Severity  # of the last time
    count: int  # of the last time
    first_at: datetime
    last_at: datetime
    last_hunt: str = ""  # the id of the last hunt that had it
    hunts: int = 1  # how many hunts had it; an alarm without a hunt counts as one
    contents: tuple[str, ...] = ()  # all that were seen, as in `Occurrence`
    case: str = ""  # the key of the case in which it was told last; empty: it was never told
    told_severity: Severity = Severity.INFO  # the worst that was told in this case
    told_count: int = 0  # the most that was told in this case
    told_at: datetime | None = None
    changed: int = 0  # how many hunts after the first one brought a content that was not seen before


@dataclass(frozen=True)
class Judged:
    """What was decided about one finding of an alarm."""

    fingerprint: str
    status: Status
    by: str = ""  # the id of the known-good entry or mute that withholds it
    why: str = ""  # why an entry that names it does not cover it: the end of "told, since …"
    first: bool = False  # the system never had it before


@dataclass(frozen=True)
class Cover:
    """What people decided earlier about a finding."""

    status: Status | None = None  # KNOWN or MUTED; None: it is told
    by: str = ""
    why: str = ""  # as in `Judged`
    # Of the entry or mute that withholds it.
    author: str = ""
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Ruling:
    """What was decided about one alarm."""

    case: str  # the key of its case; empty if all its findings are withheld and the system has no case
    tell: bool  # people are told of it; otherwise it is recorded and counted
    reopens: bool = False  # it reopens the case
    continues: bool = False  # its case was begun by an earlier hunt, and is not closed
    findings: tuple[Judged, ...] = ()
    hunts: int = 1  # how many hunts had the finding of the alarm that most hunts had
    since: datetime | None = None  # when the first of the told findings was first seen
    # What withholds findings, by its id. It may have ended when the alarm is handled again after a crash.
    covers: Mapping[str, Cover] = field(default_factory=dict)
    of: str = ""  # the digest of what was ruled on

    @property
    def still_there(self) -> bool:
        """Nothing is new about an open case: its message is edited, and nothing is sent."""
        return not self.tell and any(each.status is Status.SEEN for each in self.findings)


@dataclass(frozen=True)
class SystemFindings:
    """The document of one system."""

    case: str = ""  # the key of its last case
    case_hunt: str = ""  # the id of the hunt that began this case
    cases: int = 0  # how many cases it has had
    reopened: str = ""  # the id of the last decision to close this case that an alarm has undone
    findings: Mapping[str, SystemFinding] = field(default_factory=dict)  # by fingerprint
    rulings: Mapping[str, Ruling] = field(default_factory=dict)  # by the id of the event, the newest last

    def told_beside(self, case: str, shown: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """The findings that were told in the case and are not among these, worst first: those of its other
        alarms."""
        marks = {each.fingerprint for each in occurrences(shown)}
        anywhere = {finding.description for finding in shown if not finding.artefacts}
        told = (
            each
            for mark, each in self.told_in(case).items()
            if mark not in marks and each.description not in anywhere
        )
        return tuple(
            Finding(each.description, each.told_count, each.told_severity, path=each.path)
            for each in sorted(told, key=lambda each: (-each.told_severity.rank, -each.told_count))
        )

    def told_in(self, case: str) -> dict[str, SystemFinding]:
        """The findings that were told last in the case with this key, by fingerprint."""
        return {mark: finding for mark, finding in self.findings.items() if finding.case == case}

    def judged(self, case: str, at: datetime, again: Sequence[Occurrence]) -> SystemFindings:
        """The document after the case was closed at this moment and an alarm has reopened it. What was told
        there until then was judged, and is told once more if it comes back. `again`: what the alarm told."""
        told = {each.fingerprint: each for each in again}
        findings = dict(self.findings)
        for mark, finding in self.told_in(case).items():
            if finding.told_at is not None and finding.told_at > at:
                continue
            if mark in told:
                now = told[mark]
                findings[mark] = replace(finding, told_severity=now.severity, told_count=now.count)
            else:
                findings[mark] = replace(finding, case="")
        return replace(self, findings=findings)


@dataclass(frozen=True)
class CurrentCase:
    """The system's last case, as far as a ruling depends on it."""

    key: str
    state: CaseState
    verdict: Verdict | None = None
    closing: str = ""  # the id of the decision that closed it last


@dataclass(frozen=True)
class Seen:
    """An alarm about a system, as far as a ruling depends on it."""

    event_id: str
    at: datetime
    hunt_id: str
    occurrences: Sequence[Occurrence]
    complete: bool  # the occurrences are all that the alarm is about, and the platform confirms them

    @property
    def digest(self) -> str:
        """A short name for what the platform says of the alarm."""
        found = sorted(
            f"{each.fingerprint} {each.severity} {each.count} {each.contents}" for each in self.occurrences
        )
        text = f"{self.complete} {found}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def rule(
    known: SystemFindings,
    seen: Seen,
    current: CurrentCase | None,
    new_key: Callable[[int], str],
    cover: Callable[[Occurrence], Cover],
) -> tuple[SystemFindings, Ruling]:
    """The document after the alarm, and what was decided about it. An alarm that was ruled on before gets the
    same ruling, and the document stays as it is. If nothing of it was told, this holds only while the
    platform says the same of it: nobody would know of anything else.

    `current` is the case that `known.case` names; None if there is none. `new_key` makes the key of the
    system's case with a number.
    """
    earlier = known.rulings.get(seen.event_id)
    if earlier and (earlier.tell or earlier.of == seen.digest):
        return known, earlier
    covers = [cover(each) for each in seen.occurrences]
    judged = tuple(
        _judge(each, known, current, covered) for each, covered in zip(seen.occurrences, covers, strict=True)
    )
    told = [each for each in judged if not each.status.is_withheld]
    tell = not seen.complete or any(each.status.is_news for each in told)
    case, reopens = _case(known, judged, current, new_key, tell=tell)
    begins = bool(case) and case != known.case
    findings = dict(known.findings)
    closing = current.closing if current and reopens else ""
    # A finding that was told before the closing is told again if it comes back. This happens once for each
    # closing: a second alarm may reopen the same case, and must not repeat what the first alarm told.
    if reopens and not (closing and closing == known.reopened):
        was_told = {mark: each for mark, each in findings.items() if each.case == case}
        findings |= {mark: replace(each, case="") for mark, each in was_told.items()}
    for each, occurrence in zip(judged, seen.occurrences, strict=True):
        shown = tell and not each.status.is_withheld
        before = findings.pop(each.fingerprint, None)  # the last one seen is the last of the document
        findings[each.fingerprint] = _updated(before, occurrence, seen, case if shown else "")
    visible = [findings[each.fingerprint] for each in told]
    ruling = Ruling(
        case,
        tell,
        reopens,
        continues=not (begins or reopens) and (seen.hunt_id != known.case_hunt or not seen.hunt_id),
        findings=judged,
        hunts=max((each.hunts for each in visible), default=1),
        since=min((each.first_at for each in visible), default=None),
        covers={each.by: each for each in covers if each.status},
        of=seen.digest,
    )
    rulings = {**known.rulings, seen.event_id: replace(ruling, covers=_shortened(ruling.covers))}
    after = SystemFindings(
        case=case or known.case,
        case_hunt=seen.hunt_id if begins else known.case_hunt,
        cases=known.cases + begins,
        reopened="" if begins else closing or known.reopened,
        findings=_last(findings, MOST_FINDINGS),
        rulings=_last(rulings, MOST_RULINGS),
    )
    return after, ruling


def _judge(
    occurrence: Occurrence, known: SystemFindings, current: CurrentCase | None, cover: Cover
) -> Judged:
    before = known.findings.get(occurrence.fingerprint)
    first = before is None
    if cover.status:
        return Judged(occurrence.fingerprint, cover.status, cover.by, first=first)

    def judged(status: Status) -> Judged:
        return Judged(occurrence.fingerprint, status, cover.by, cover.why, first)

    if before is None:
        return judged(Status.NEW)
    if before.case and occurrence.severity.rank > before.told_severity.rank:
        return judged(Status.WORSE)
    if before.case and many_more(occurrence.count, before.told_count):
        return judged(Status.MORE)
    is_open = current is not None and current.state is not CaseState.CLOSED
    if is_open and current and before.case == current.key:
        return judged(Status.SEEN)
    return judged(Status.AGAIN)


def _case(
    known: SystemFindings,
    judged: Sequence[Judged],
    current: CurrentCase | None,
    new_key: Callable[[int], str],
    *,
    tell: bool,
) -> tuple[str, bool]:
    """The key of the alarm's case, and whether the alarm reopens it."""
    if current and (current.state is not CaseState.CLOSED or not tell):
        return current.key, False
    if not tell:
        return "", False
    # A finding of the closed case is back: the case goes on. Anything else begins a case of its own.
    if current and any(
        known.findings[each.fingerprint].case == current.key
        for each in judged
        if each.status.is_news and not each.first
    ):
        return current.key, True
    return new_key(known.cases + 1), False


def _updated(before: SystemFinding | None, occurrence: Occurrence, seen: Seen, told_in: str) -> SystemFinding:
    """The finding after the alarm. `told_in`: the key of the case in which it is told; empty if it is not."""
    after = before or SystemFinding(
        occurrence.description[:_MOST_TEXT],
        occurrence.path[:_MOST_TEXT],
        occurrence.severity,
        occurrence.count,
        seen.at,
        seen.at,
        seen.hunt_id,
    )
    is_another_hunt = before is not None and (seen.hunt_id != before.last_hunt or not seen.hunt_id)
    after = replace(
        after,
        path=occurrence.path[:_MOST_TEXT],
        severity=occurrence.severity,
        count=occurrence.count,
        first_at=min(after.first_at, seen.at),
        last_at=max(after.last_at, seen.at),
        last_hunt=seen.hunt_id or after.last_hunt,
        hunts=after.hunts + is_another_hunt,
        changed=after.changed + (is_another_hunt and not set(occurrence.contents) <= set(after.contents)),
        contents=tuple(dict.fromkeys((*after.contents, *occurrence.contents)))[-MOST_CONTENTS:],
    )
    if not told_in:
        return after
    if told_in != after.case:  # what was told in another case was judged there
        after = replace(after, told_severity=Severity.INFO, told_count=0)
    return replace(
        after,
        case=told_in,
        told_severity=max(occurrence.severity, after.told_severity, key=lambda severity: severity.rank),
        told_count=max(occurrence.count, after.told_count),
        told_at=max(seen.at, after.told_at or seen.at),
    )


def _shortened(covers: Mapping[str, Cover]) -> dict[str, Cover]:
    kept = list(covers.items())[:_MOST_COVERS]
    return {by: replace(each, reason=each.reason[:_MOST_REASON]) for by, each in kept}


def _last(documents: Mapping[str, T], most: int) -> dict[str, T]:
    return dict(list(documents.items())[-most:])
