"""Makes one alarm of several alarms about one system, so that one message tells of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from receiver.messages.counts import malicious_count, suspicious_count
from shared.models.alarms import Alarm, Change, GroupedAlarm
from shared.models.evidence import Finding
from shared.models.judgements import MOST_SHOWN, JudgedFinding, Judgement

T = TypeVar("T")


def together(alarms: Sequence[Alarm]) -> Alarm:
    """The alarm that says what all of these say; they are in the order in which they came. It has the id of
    the first and the context of the worst. Of an evidence with several alarms the last one counts."""
    if len(alarms) == 1:
        return alarms[0]
    first, last_of_each = alarms[0], _last_of_each_evidence(alarms)
    parts = tuple(map(_part, last_of_each))
    worst = max(last_of_each, key=_badness)
    malicious, suspicious = (
        _sum(part.malicious for part in parts),
        _sum(part.suspicious for part in parts),
    )
    counted_by_webhook = None
    if any(part.malicious is None and part.suspicious is None and part.alarms for part in parts):
        # The kinds of some alarms are not known, so only their sum is true of all.
        counted_by_webhook = sum((p.malicious or 0) + (p.suspicious or 0) or p.alarms or 0 for p in parts)
        malicious = suspicious = None
    findings, findings_total = _findings(last_of_each)
    kinds = {alarm.event.kind for alarm in last_of_each}
    event = replace(
        worst.event,
        id=first.event.id,
        kind=worst.event.kind if len(kinds) == 1 else "processing_with_alarms",
        received_at=min(alarm.event.received_at for alarm in alarms),
        malicious=None,
        suspicious=None,
        alarms=counted_by_webhook,
    )
    return replace(
        worst,
        event=event,
        malicious=malicious,
        suspicious=suspicious,
        hunt=_first(alarm.hunt for alarm in alarms),
        capture=_first(alarm.capture for alarm in reversed(alarms)),  # the last one names most disks
        project=_first(alarm.project for alarm in alarms),
        instance=_first(alarm.instance for alarm in alarms),
        system=_first(alarm.system for alarm in alarms),
        findings=findings,
        findings_total=findings_total,
        hits=tuple(dict.fromkeys(hit for alarm in alarms for hit in alarm.hits)),
        gaps=tuple(dict.fromkeys(gap for alarm in alarms for gap in alarm.gaps)),
        earlier=None,
        owner=_first(alarm.owner for alarm in alarms),
        reopens=_first(alarm.reopens for alarm in alarms),
        case=first.case_key,
        judgement=_judgement([alarm.judgement for alarm in alarms if alarm.judgement]),
        change=_change([alarm.change for alarm in alarms if alarm.change]),
        disagreements=tuple(dict.fromkeys(text for alarm in alarms for text in alarm.disagreements)),
        may_repeat=any(alarm.may_repeat for alarm in alarms),
        on_duty=_first(alarm.on_duty for alarm in alarms),
        group=parts,
    )


def _last_of_each_evidence(alarms: Sequence[Alarm]) -> list[Alarm]:
    """A later alarm about the same evidence adds to the earlier one, and withdraws nothing that it said."""
    last: dict[object, Alarm] = {}
    for alarm in alarms:
        key = alarm.event.evidence_id or alarm.event.id
        before = last.get(key)
        if before:
            alarm = replace(
                alarm,
                severity=max(alarm.severity, before.severity, key=lambda severity: severity.rank),
                malicious=_larger(malicious_count(before), malicious_count(alarm)),
                suspicious=_larger(suspicious_count(before), suspicious_count(alarm)),
                findings=alarm.findings or before.findings,
            )
        last[key] = alarm
    return list(last.values())


def _part(alarm: Alarm) -> GroupedAlarm:
    evidence = alarm.evidence
    return GroupedAlarm(
        alarm.event.id,
        alarm.severity,
        malicious_count(alarm),
        suspicious_count(alarm),
        alarm.event.alarms,
        evidence.id if evidence else alarm.event.evidence_id,
        evidence.name if evidence else "",
    )


def _findings(alarms: Iterable[Alarm]) -> tuple[tuple[Finding, ...], int]:
    """The findings of all, and how many kinds there are. The same finding at the same place is one."""
    found: dict[tuple[object, ...], Finding] = {}
    total = 0
    for alarm in alarms:
        total += max(alarm.findings_total, len(alarm.findings))
        for finding in alarm.findings:
            key = (finding.description, finding.severity, finding.path)
            before = found.get(key)
            if before:
                total -= 1
                finding = replace(
                    before,
                    count=before.count + finding.count,
                    attack=tuple(dict.fromkeys((*before.attack, *finding.attack))),
                    artefacts=(*before.artefacts, *finding.artefacts),
                )
            found[key] = finding
    return tuple(found.values()), total


def _judgement(judgements: Sequence[Judgement]) -> Judgement | None:
    """One judgement of several. If several have the same finding, the first judgement says whether it is
    new, because the later ones were made when it was known already."""
    if not judgements:
        return None
    found: dict[str, JudgedFinding] = {}
    for judgement in judgements:
        for finding in judgement.findings:
            before = found.get(finding.fingerprint)
            found[finding.fingerprint] = (
                replace(before, count=max(before.count, finding.count)) if before else finding
            )
    in_order = sorted(
        found.values(),
        key=lambda each: (not each.status.is_news, each.status.is_withheld, -each.severity.rank),
    )
    unlisted = sum(judgement.total - len(judgement.findings) for judgement in judgements)
    return replace(
        judgements[0],
        tell=any(judgement.tell for judgement in judgements),
        findings=tuple(in_order[:MOST_SHOWN]),
        total=len(in_order) + unlisted,
        complete=all(judgement.complete for judgement in judgements),
        continues=any(judgement.continues for judgement in judgements),
        hunts=max(judgement.hunts for judgement in judgements),
        since=min((judgement.since for judgement in judgements if judgement.since), default=None),
    )


def _change(changes: Sequence[Change]) -> Change | None:
    """How all of them differ from what came before the first."""
    if not changes:
        return None
    return replace(
        changes[0],
        new=sum(change.new for change in changes),
        new_kinds=tuple(dict.fromkeys(kind for change in changes for kind in change.new_kinds)),
        kinds=max(change.kinds for change in changes),
    )


def _badness(alarm: Alarm) -> tuple[int, int, int]:
    return alarm.severity.rank, malicious_count(alarm) or 0, suspicious_count(alarm) or 0


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _larger(one: int | None, other: int | None) -> int | None:
    return max((count for count in (one, other) if count is not None), default=None)


def _first(things: Iterable[T | None]) -> T | None:
    return next((thing for thing in things if thing is not None), None)
