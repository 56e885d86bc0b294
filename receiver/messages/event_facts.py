"""What the ledger keeps of an event, so that lists can show it without its alarm."""

from __future__ import annotations

from collections import Counter

from receiver.messages.compose import title_of
from receiver.messages.counts import malicious_count, suspicious_count
from receiver.messages.subject import host_of, system_of
from shared.config.config import Config
from shared.models import attack
from shared.models.alarms import Alarm
from shared.models.events import EventFacts
from shared.models.system_findings import Status

_MAX_TECHNIQUES = 50  # of one event; the rarest are left out


def event_facts(alarm: Alarm, config: Config) -> EventFacts:
    event, system = alarm.event, system_of(alarm)
    return EventFacts(
        title=title_of(alarm, config),
        system=system.lasting_key if system else "",
        name=host_of(alarm),
        hunt_id=(alarm.hunt.id if alarm.hunt else event.hunt_id) or "",
        project_id=alarm.project.id if alarm.project else event.project_id,
        malicious=malicious_count(alarm) or 0,
        suspicious=suspicious_count(alarm) or 0,
        techniques=_techniques(alarm),
        known=_count(alarm, Status.KNOWN),
        muted=_count(alarm, Status.MUTED),
        still=_count(alarm, Status.SEEN),
    )


def _count(alarm: Alarm, status: Status) -> int:
    """How many findings have a status."""
    return sum(each.status is status for each in alarm.judgement.findings) if alarm.judgement else 0


def _techniques(alarm: Alarm) -> dict[str, int]:
    """How many alarms have each technique."""
    counts: Counter[str] = Counter()
    for finding in alarm.findings:
        for id in filter(attack.is_id, dict.fromkeys(finding.attack)):
            counts[id] += max(finding.count, 0)
    return dict(counts.most_common(_MAX_TECHNIQUES))
