"""A mute: alarms that people do not want to be told of, until when, who decided it and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from shared.phrases import counted

LONGEST = timedelta(days=90)  # from the time at which the mute begins


@dataclass(frozen=True)
class MuteMatch:
    """What a mute covers. The fields mean the same as those of a route's `match`; the last four are about
    the findings of an alarm."""

    event: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    hunt: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finding: tuple[str, ...] = ()  # descriptions of the platform
    technique: tuple[str, ...] = ()  # MITRE ATT&CK ids
    path: tuple[str, ...] = ()
    fingerprint: tuple[str, ...] = ()  # of shared/models/fingerprints.py

    @property
    def of_findings(self) -> bool:
        """Whether it covers certain findings only."""
        return bool(self.finding or self.technique or self.path or self.fingerprint)

    @property
    def words(self) -> str:
        """The matchers in words; all must match."""
        told_otherwise = ("tags", "fingerprint")
        names = [
            each.name for each in fields(self) if each.name not in told_otherwise and getattr(self, each.name)
        ]
        parts = [f"{name} {' or '.join(getattr(self, name))}" for name in names]
        parts += [f"tag {key}={' or '.join(values)}" for key, values in self.tags.items()]
        if self.fingerprint:
            parts.append(f"limited to {counted(len(self.fingerprint), 'fingerprint')}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Mute:
    id: str
    match: MuteMatch
    until: datetime
    by: str
    why: str
    at: datetime  # it covers nothing before
    origin: str  # from where it was made, such as the command line on a host, or the configuration
    malicious: bool = False  # malicious findings are covered too
    until_next_hunt: bool = False  # alarms of hunts that began after it was made are not covered

    def in_force(self, now: datetime) -> bool:
        return self.at <= now < self.until

    @property
    def configured(self) -> bool:
        return self.origin == IN_CONFIGURATION


@dataclass(frozen=True)
class Muted:
    """What mutes cover of an alarm."""

    whole: Mute | None = None  # it covers the whole alarm
    findings: Mapping[str, Mute] = field(default_factory=dict)  # by fingerprint: each covers one finding


IN_CONFIGURATION = "the configuration"


def why_too_wide(match: MuteMatch, alarm_kinds: Iterable[str]) -> str:
    """Why these matchers are refused; empty if they are not. An event that reports alarms, a severity and a
    wildcard alone single nothing out: such a mute would withhold nearly everything."""
    others = (match.hunt, match.project, match.account, match.region, match.instance)
    of_findings = (match.finding, match.technique, match.path)
    if any(_specific(values) for values in (*others, *of_findings, *match.tags.values())):
        return ""
    kinds = {kind.lower() for kind in match.event}
    if _specific(match.event) and not kinds & set(alarm_kinds) and not any("*" in kind for kind in kinds):
        return ""
    return (
        "the mute would cover nearly every alarm: name at least one hunt, project, account, region, "
        "instance, tag, finding, technique or path, and not only with * or ?"
    )


def _specific(patterns: tuple[str, ...]) -> bool:
    """Whether every pattern holds more than wildcards; one that does not makes the others pointless."""
    return bool(patterns) and all(pattern.strip("*? ") for pattern in patterns)


def why_refused(mute: Mute, alarm_kinds: Iterable[str]) -> str:
    """Why a mute cannot be used, in words for the person who made it; empty if it can."""
    if not mute.by.strip():
        return "nobody is named: say who decides this"
    if not mute.why.strip():
        return "the reason is empty: say why"
    if mute.until <= mute.at:
        return "it would end before it begins"
    if mute.until - mute.at > LONGEST:
        return f"it would last longer than {LONGEST.days} days, which is the most"
    return why_too_wide(mute.match, alarm_kinds)
