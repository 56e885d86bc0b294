"""What an alarm is about: the system, its host name, account and region."""

from __future__ import annotations

from receiver.messages.safe_text import copyable
from receiver.messages.wording import commas
from shared.models.alarms import Alarm
from shared.models.systems import Kind, System

_MAX_TITLE = 120


def system_of(alarm: Alarm) -> System | None:
    """The system that the alarm is about, from the first source that knows it. Its region may be empty."""
    if system := alarm.system or alarm.event.system or (alarm.capture.system if alarm.capture else None):
        return system
    if alarm.instance:
        return System(alarm.instance.id, alarm.instance.region)
    id = (alarm.evidence.instance if alarm.evidence else "") or alarm.event.instance
    return System(id, "") if id else None


def titled(system: System, most: int = 40) -> str:
    """What people call the system: the id of an EC2 instance, or such as "Azure machine web-1"."""
    return copyable(system.title, most if system.kind is Kind.EC2 else _MAX_TITLE)


def host_of(alarm: Alarm) -> str:
    name = alarm.instance.name if alarm.instance else ""
    return copyable(name or (alarm.evidence.hostname if alarm.evidence else ""), 60)


def account_id_of(alarm: Alarm) -> str:
    sources = (alarm.instance, alarm.evidence)
    return copyable(next((source.account_id for source in sources if source and source.account_id), ""), 20)


def region_of(alarm: Alarm) -> str:
    system, instance = system_of(alarm), alarm.instance
    return copyable((system.region if system else "") or (instance.region if instance else ""), 30)


def disks_of(alarm: Alarm) -> int:
    """How many disks of the system the hunt has captured, as far as it is known; 0 if the alarm is not about
    one of them."""
    capture = alarm.capture
    if capture is None or capture.mode != "full" or alarm.evidence is None:
        return 0
    return len(capture.evidence_ids)


def _some_disks(alarm: Alarm) -> str:
    """Says of how many disks the alarm's counts are, unless they are those of the whole machine."""
    disks, told = disks_of(alarm), len({each.evidence_id for each in alarm.group}) or 1
    if disks <= told:
        return ""
    return f"one of {disks} disks of " if told == 1 else f"{told} of {disks} disks of "


def where(alarm: Alarm) -> str:
    """The place for a title, such as "on web-01 (prod, i-0abc)", or "in project 12" if no system is known."""
    host, system = host_of(alarm), system_of(alarm)
    if system and system.instance:
        account, disk = copyable(system.account, 40), _some_disks(alarm)
        if system.kind is not Kind.EC2:
            return f"on {disk}{titled(system)}" + (f" ({account})" if account else "")
        if host:
            return f"on {disk}{host} ({commas(account, titled(system))})"
        return f"on {disk}{titled(system)}" + (f" ({account})" if account else "")
    project = alarm.project.id if alarm.project else alarm.event.project_id
    evidence = alarm.evidence.id if alarm.evidence else alarm.event.evidence_id
    ids = commas(
        f"project {project}" if project is not None else "",
        f"evidence {evidence}" if evidence is not None else "",
    )
    if host:
        return f"on {host}" + (f" ({ids})" if ids else "")
    return f"in {ids}" if ids else ""
