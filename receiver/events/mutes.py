"""Which mute covers a finding, or a whole alarm.

An alarm that is not fully known is never withheld. So an alarm must be confirmed, its findings must add up to
its counts, and the platform must have listed its path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from receiver.events.route import known_values, mismatch
from receiver.messages.counts import adds_up
from shared.config.config import Config
from shared.config.patterns import fits
from shared.models.alarms import Alarm
from shared.models.event_kinds import ALARM_KINDS, OWN_KINDS, TEST, UNKNOWN_EVENT
from shared.models.evidence import Finding
from shared.models.fingerprints import fingerprint
from shared.models.mutes import Mute, Muted
from shared.models.occurrences import by_fingerprint
from shared.models.severity import Severity
from shared.storage.ledger.ledger import Ledger

# What huntbridge says about itself, and what it does not understand, is always told.
NEVER_MUTED = OWN_KINDS | {TEST, UNKNOWN_EVENT}


def mutes_of(config: Config, ledger: Ledger) -> list[Mute]:
    """Those of the configuration, then the stored ones. Raises StoreError."""
    return [*(section.mute() for section in config.mutes), *ledger.mutes.stored()]


def covering(alarm: Alarm, mutes: Iterable[Mute], config: Config, now: datetime) -> Muted:
    """What the mutes in force cover of an alarm."""
    in_force = [mute for mute in mutes if mute.in_force(now)]
    if not in_force:
        return Muted()
    of_alarm = _of_alarm(alarm, in_force, config)
    findings = {}
    for mark, parts in by_fingerprint(alarm.findings).items() if of_alarm else ():
        found = [_of_finding(part, of_alarm) for part in parts]
        if found[0] and all(found):
            findings[mark] = found[0]
    return Muted(fitting(alarm, in_force, config), findings)


def fitting(alarm: Alarm, mutes: Sequence[Mute], config: Config) -> Mute | None:
    """The mute that covers the whole alarm, whenever it begins and ends. If several cover it together, the
    one of the worst finding."""
    if not mutes or alarm.event.kind in NEVER_MUTED:
        return None
    mutes = _of_alarm(alarm, mutes, config)
    if alarm.event.kind not in ALARM_KINDS:
        is_malicious = alarm.severity is Severity.MALICIOUS
        whole = (
            mute for mute in mutes if not mute.match.of_findings and (mute.malicious or not is_malicious)
        )
        return next(whole, None)
    if not adds_up(alarm):
        return None
    worst_first = sorted(alarm.findings, key=lambda finding: finding.severity is not Severity.MALICIOUS)
    found = [_of_finding(finding, mutes) for finding in worst_first]
    return found[0] if all(found) else None


def _of_alarm(alarm: Alarm, mutes: Iterable[Mute], config: Config) -> list[Mute]:
    """The mutes whose conditions about the alarm are met."""
    known = known_values(alarm, config)
    return [
        mute
        for mute in mutes
        if mismatch(mute.match, known, alarm) is None
        and not (mute.until_next_hunt and _of_later(alarm, mute))
    ]


def _of_later(alarm: Alarm, mute: Mute) -> bool:
    """Whether the alarm is of a hunt that began after the mute. If the hunt is not known, it may be. If the
    clock was set back meanwhile, the latest of the hunt's times counts."""
    if alarm.hunt is None:
        return True
    times = (alarm.hunt.began_at, alarm.hunt.created_at, alarm.hunt.scheduled_at)
    return max(filter(None, times)) > mute.at


def _of_finding(finding: Finding, mutes: Iterable[Mute]) -> Mute | None:
    return next((mute for mute in mutes if _covers(mute, finding)), None)


def _covers(mute: Mute, finding: Finding) -> bool:
    match = mute.match
    return (
        (mute.malicious or finding.severity is not Severity.MALICIOUS)
        and (not match.finding or fits(finding.description, match.finding))
        and (not match.technique or any(fits(technique, match.technique) for technique in finding.attack))
        and (not match.path or _all_places_fit(finding, match.path))
        and (not match.fingerprint or _all_places_known(finding, match.fingerprint))
    )


def _all_places_known(finding: Finding, fingerprints: Collection[str]) -> bool:
    return finding.complete and all(
        fingerprint(finding.description, artefact.path).id in fingerprints for artefact in finding.artefacts
    )


def _all_places_fit(finding: Finding, patterns: tuple[str, ...]) -> bool:
    """A path that goes up leads elsewhere than it seems to, so it fits nothing."""
    return finding.complete and all(
        artefact.path
        and ".." not in artefact.path.replace("\\", "/").split("/")
        and fits(artefact.path, patterns)
        for artefact in finding.artefacts
    )
