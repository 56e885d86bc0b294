"""Occurrences: the findings of one alarm, each with its fingerprint, as later hunts recognise them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.models.severity import Severity

# A finding is told again when it has this many times as many alarms as when it was told or judged, and at
# least this many more.
MANY_TIMES, AT_LEAST_MORE = 3, 5
MOST_CONTENTS = 16  # of one finding
_DIGITS = 16  # of a digest that are kept
_JUDGED = (Severity.MALICIOUS, Severity.SUSPICIOUS)


@dataclass(frozen=True)
class Occurrence:
    """One finding of one alarm."""

    fingerprint: str
    description: str
    path: str  # the first path with this fingerprint, as the platform says it; empty if there is none
    severity: Severity
    count: int
    contents: tuple[str, ...] = ()  # beginnings of the SHA-256 of the files, as far as the platform says them
    more_contents: bool = False  # there are more files than `contents` names
    attack: tuple[str, ...] = ()


def many_more(count: int, before: int) -> bool:
    return count >= MANY_TIMES * before and count >= before + AT_LEAST_MORE


def occurrences(findings: tuple[Finding, ...]) -> tuple[Occurrence, ...]:
    """The malicious and suspicious findings by their fingerprints, worst first."""
    found: dict[str, Occurrence] = {}
    for finding in findings:
        if finding.severity not in _JUDGED:
            continue
        for artefact in finding.artefacts:
            mark = fingerprint(finding.description, artefact.path).id
            new = Occurrence(
                mark,
                finding.description,
                artefact.path,
                finding.severity,
                artefact.count,
                tuple(content[:_DIGITS] for content in artefact.contents),
                attack=finding.attack,
            )
            found[mark] = _joined(found[mark], new) if mark in found else _bounded(new)
    return tuple(sorted(found.values(), key=lambda each: (-each.severity.rank, -each.count)))


def _joined(one: Occurrence, other: Occurrence) -> Occurrence:
    """Two places with the same fingerprint."""
    return _bounded(
        replace(
            one,
            severity=max(one.severity, other.severity, key=lambda severity: severity.rank),
            count=one.count + other.count,
            contents=tuple(dict.fromkeys((*one.contents, *other.contents))),
            more_contents=one.more_contents or other.more_contents,
        )
    )


def _bounded(occurrence: Occurrence) -> Occurrence:
    more = len(occurrence.contents) > MOST_CONTENTS
    contents = occurrence.contents[:MOST_CONTENTS]
    return replace(occurrence, contents=contents, more_contents=occurrence.more_contents or more)


def by_fingerprint(findings: tuple[Finding, ...]) -> dict[str, list[Finding]]:
    """The malicious and suspicious findings, each divided into the places that share a fingerprint; for each
    fingerprint, the worst first."""
    parts: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity not in _JUDGED:
            continue
        places: dict[str, list[Artefact]] = {}
        for artefact in finding.artefacts:
            places.setdefault(fingerprint(finding.description, artefact.path).id, []).append(artefact)
        for mark, there in places.items():
            count = sum(artefact.count for artefact in there)
            parts.setdefault(mark, []).append(replace(finding, count=count, artefacts=tuple(there)))
    for same in parts.values():
        same.sort(key=lambda part: -part.severity.rank)
    return parts


def explains_all(findings: tuple[Finding, ...]) -> bool:
    """Whether the findings say where each of their alarms is. Otherwise something may be missing among
    them."""
    return all(finding.complete for finding in findings if finding.severity in _JUDGED)
