"""The facts of a message, most important first. To show another fact, add it here.

If the configuration can choose a fact, its name and label are in shared/config/message.py. Facts with an
empty value are left out later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from receiver.messages.counts import malicious_count, suspicious_count
from receiver.messages.message import MAX_FIRST, CaseStatus, Fact, Place
from receiver.messages.safe_text import copyable, harmless_line, shortened_path
from receiver.messages.subject import account_id_of, disks_of, host_of, region_of, system_of, titled
from receiver.messages.wording import capitalised, commas, disk_size, semicolons, with_id
from shared.config.message import FACTS
from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm, Change, Earlier
from shared.models.cases import StillThere
from shared.models.decisions import Closure
from shared.models.event_kinds import ALARM_KINDS, DECISION_KINDS, HEARTBEAT, REPORT
from shared.models.evidence import Evidence
from shared.models.judgements import JudgedFinding, Judgement
from shared.models.kinds_of_system import ABILITIES, Provider
from shared.models.system_findings import Status
from shared.models.systems import Instance, Kind, System
from shared.phrases import counted, ordinal, utc_day, utc_minute
from shared.text import one_line

MAX_TAGS = 10
MAX_NEW_KINDS = 3
MAX_WHY = 300  # characters of the reason for a decision


def all_facts(alarm: Alarm, case: CaseStatus, of_this_kind: Iterable[Fact], owner_tag: str) -> Iterator[Fact]:
    """The facts in the order in which they are shown. `of_this_kind`: the facts of the alarm's kind of
    event."""
    yield from _closed(case.closure)
    yield from _acknowledged_by(alarm.acknowledgement or case.acknowledgement)
    yield from _reopened(alarm.reopens)
    yield from _still(case.still)
    yield from _judged(alarm.judgement)
    yield from _told_before(alarm.earlier)
    yield from _history(alarm.change)
    yield from _all_disks(alarm)
    yield from _group(alarm)
    yield from _on_duty(alarm)
    yield from of_this_kind
    yield from _context(alarm, owner_tag)


# Where a fact with a name stands; all others are the rest.
_PLACES = {
    "history": Place.NEWS,
    "on_duty": Place.HOLDER,
    "owner": Place.HOLDER,
    "account": Place.FIRST,
    "region": Place.FIRST,
    "private_address": Place.FIRST,
    "public_address": Place.FIRST,
    "iam_profile": Place.FIRST,
    "tags": Place.FIRST,
}


def _fact(name: str, value: str, *, code: bool = False, label: str = "") -> Fact:
    return Fact(label or FACTS[name], value, code, name, _PLACES.get(name, Place.REST))


def in_order(facts: Iterable[Fact], title: str, *, chosen: bool = False) -> tuple[Fact, ...]:
    """The facts in the order in which they stand in the message. Host and instance belong to what everybody
    must see, unless the title names them. `chosen`: the configuration chose the facts, so the first of them
    matter most."""
    placed = []
    for fact in facts:
        place = fact.place
        if fact.name in ("host", "instance"):
            named = fact.value.split(" (")[0].lower() in title.lower()  # Azure ignores case
            place = Place.REST if named else Place.NEWS
        elif chosen and place is Place.REST:
            place = Place.FIRST
        placed.append(fact if place is fact.place else replace(fact, place=place))
    first = [fact for fact in placed if fact.place is Place.FIRST]
    below = {id(fact) for fact in first[MAX_FIRST:]}
    placed = [replace(fact, place=Place.REST) if id(fact) in below else fact for fact in placed]
    return tuple(sorted(placed, key=lambda fact: fact.place))


def _acknowledged_by(acknowledgement: Acknowledgement | None) -> Iterator[Fact]:
    if acknowledgement:
        who = person_of(acknowledgement.by)
        yield Fact("Taken by", commas(who, utc_minute(acknowledgement.at)), place=Place.HOLDER)


def _closed(closure: Closure | None) -> Iterator[Fact]:
    if closure:
        yield Fact("Closed", capitalised(how_closed(closure)), place=Place.HOLDER)


def _reopened(before: Closure | None) -> Iterator[Fact]:
    """How the case was closed that this alarm reopened."""
    if before:
        text = f"it was closed {how_closed(before, f'on {before.at:%Y-%m-%d}')}"
        yield Fact("Reopened", text, place=Place.NEWS)


def _still(still: StillThere | None) -> Iterator[Fact]:
    """That the last hunts found nothing new."""
    if still:
        text = f"{ordinal(still.hunts)} hunt, since {still.since:%Y-%m-%d}"
        yield Fact("Still there", text, place=Place.NEWS)


def _judged(judgement: Judgement | None) -> Iterator[Fact]:
    """Which findings are told now and which are not, and why a known-good entry does not cover one."""
    if judgement is None or not judgement.tell:
        return
    for label, status in _NEWS.items():
        found = [each for each in judgement.news if each.status is status]
        named = [_named(each) for each in found[:MAX_NEW_KINDS]]
        more = len(found) - len(named)
        text = semicolons(*named, f"and {more:,} more" if more > 0 else "")
        yield Fact(label, text, place=Place.NEWS)
    if judgement.still:
        yield Fact("Told before", counted(len(judgement.still), "finding"), place=Place.NEWS)
    if withheld := judgement.withheld:
        text = f"{counted(len(withheld), 'finding')} known good or muted"
        yield Fact("Not shown", text, place=Place.NEWS)


_NEWS = {
    "New": Status.NEW,
    "Worse": Status.WORSE,
    "Many more": Status.MORE,
    "Back": Status.AGAIN,
}


def _named(finding: JudgedFinding) -> str:
    path = shortened_path(finding.path)
    named = harmless_line(finding.description, 80) + (f" at {path}" if path else "")
    return f"{named} ({harmless_line(finding.not_covered, 150)})" if finding.not_covered else named


def how_closed(closure: Closure, when: str = "") -> str:
    """Such as "as benign by ada at 2027-01-31 02:00 UTC: “a nightly job”". `when`: other words for the
    time."""
    when = when or f"at {utc_minute(closure.at)}"
    text = f"as {closure.verdict.words} by {person_of(closure.by)} {when}"
    why = harmless_line(closure.why, MAX_WHY)
    return f"{text}: “{why}”" if why else text


def person_of(by: str) -> str:
    """The name of a person for a message."""
    return harmless_line(by, 80) or "somebody"


def _told_before(earlier: Earlier | None) -> Iterator[Fact]:
    """The earlier message that an update adds to."""
    if earlier:
        named = ((earlier.malicious, "malicious"), (earlier.suspicious, "suspicious"))
        counts = ", ".join(f"{count:,} {word}" for count, word in named if count)
        counts = counts or (counted(earlier.total, "alarm") if earlier.total else earlier.severity.value)
        text = f"{counts} (event {copyable(earlier.event_id, 60)})"
        yield Fact("Told before", text, place=Place.NEWS)


def _history(change: Change | None) -> Iterator[Fact]:
    """How this alarm differs from earlier ones on the same system."""
    if change is None:
        return
    if change.first_at is None:
        yield _fact("history", semicolons("first alarm on this system", _hunts_before(change)))
        return
    first, last = utc_day(change.first_at), utc_day(change.last_at)
    yield _fact(
        "history",
        semicolons(
            _new_kinds(change),
            _hunts_before(change),
            f"the last one came on {last}" if last else "",
            f"the first on {first}" if first != last else "",
        ),
    )


def _all_disks(alarm: Alarm) -> Iterator[Fact]:
    """The counts of the whole machine, if the alarm is about one of its disks and others have alarms too."""
    capture, disks = alarm.capture, disks_of(alarm)
    if capture is None or disks < 2:
        return
    malicious, suspicious = malicious_count(alarm) or 0, suspicious_count(alarm) or 0
    if capture.malicious > malicious or capture.suspicious > suspicious:
        counts = f"{capture.malicious:,} malicious, {capture.suspicious:,} suspicious"
        yield Fact("Whole machine", f"{counts} on its {disks} disks", place=Place.NEWS)


def _group(alarm: Alarm) -> Iterator[Fact]:
    """What each disk has, if the message tells of several."""
    what = "Disk" if disks_of(alarm) else "Evidence"
    for each in alarm.group:
        named = ((each.malicious, "malicious"), (each.suspicious, "suspicious"))
        counts = ", ".join(f"{count:,} {word}" for count, word in named if count)
        counts = counts or (counted(each.alarms, "alarm") if each.alarms else each.severity.value)
        place = with_id(copyable(each.evidence, 100), f"id {each.evidence_id}" if each.evidence_id else "")
        text = f"{place}: {counts}" if place else counts
        yield Fact(what, f"{text} (event {copyable(each.event_id, 60)})", place=Place.NEWS)


def _on_duty(alarm: Alarm) -> Iterator[Fact]:
    """Who was on duty when the alarm came, unless a later message, such as a reminder, is sent after that."""
    duty = alarm.on_duty
    if duty and (duty.until is None or alarm.event.received_at < duty.until):
        until = f"until {utc_minute(duty.until)}" if duty.until else ""
        yield _fact("on_duty", commas(*(harmless_line(name, 80) for name in duty.people), until))


def _new_kinds(change: Change) -> str:
    if not change.new_kinds:
        return "every kind of alarm was seen here before" if change.kinds else ""
    named = [harmless_line(kind, 60) for kind in change.new_kinds[:MAX_NEW_KINDS]]
    more = change.new - len(named)
    count = counted(change.new, "kind")
    return f"{count} of alarm not seen here before: {commas(*named)}" + (
        f" and {more:,} more" if more else ""
    )


def _hunts_before(change: Change) -> str:
    if not change.hunts:
        return ""
    hunts = "hunt" if change.hunts == 1 else f"{change.hunts} hunts"
    if not change.with_alarms:
        return f"none in the {hunts} before"
    share = "" if change.hunts == 1 else f"{change.with_alarms} of "
    return f"alarms in {share}the {hunts} before"


def _context(alarm: Alarm, owner_tag: str) -> Iterator[Fact]:
    """The system, the hunt, and what the platform processed, and when."""
    if alarm.event.kind in DECISION_KINDS | {HEARTBEAT, REPORT}:
        return  # the readers of these messages already know the facts, or there are none
    report, hunt, capture = alarm.event.report, alarm.hunt, alarm.capture
    if report is None:
        yield from _system_facts(alarm, owner_tag)
        if hunt:
            yield _fact("hunt", f"{copyable(hunt.name, 60)}, scheduled for {utc_minute(hunt.scheduled_at)}")
    project_id = alarm.project.id if alarm.project else alarm.event.project_id
    if project_id is None and report:
        project_id = report.project_id
    name = copyable(alarm.project.name, 80) if alarm.project else ""
    if project_id is not None:
        yield _fact("project", f"{name} (id {project_id})" if name else f"id {project_id}")
    if alarm.group:
        pass  # each evidence has its own fact
    elif alarm.evidence:
        yield _evidence_fact(alarm, _evidence(alarm.evidence))
    elif alarm.event.evidence_id is not None:
        yield _evidence_fact(alarm, f"id {alarm.event.evidence_id}")
    if capture and capture.requested_at:
        yield _fact("captured", f"asked for at {utc_minute(capture.requested_at)}")
    yield _fact("processed", utc_minute(alarm.evidence.processed_at if alarm.evidence else None))
    yield _fact("received", utc_minute(alarm.event.received_at))


def _evidence_fact(alarm: Alarm, text: str) -> Fact:
    """If the platform names no place of any finding of an alarm, people must see where to look for one."""
    fact = _fact("evidence", text)
    named = any(finding.path for finding in alarm.findings)
    return replace(fact, place=Place.FIRST) if alarm.event.kind in ALARM_KINDS and not named else fact


def _system_facts(alarm: Alarm, owner_tag: str) -> Iterator[Fact]:
    instance, evidence, system = alarm.instance, alarm.evidence, system_of(alarm)
    host = host_of(alarm)
    hostname = copyable(evidence.hostname, 60) if evidence else ""
    yield _fact("host", f"{host} ({hostname})" if hostname and hostname != host else host)
    if system and system.kind is not Kind.EC2:
        yield _fact("instance", with_id(titled(system), copyable(system.place, 160)), label="System")
    elif system:
        yield _fact("instance", titled(system), code=True)
    account = copyable(system.account, 40) if system else ""
    yield _fact("account", with_id(account, account_id_of(alarm)))
    region = with_id(region_of(alarm), copyable(instance.zone, 30) if instance else "")
    yield _fact("region", region, label=_place_of(system))
    if instance:
        yield from _instance_facts(instance, owner_tag)


def _place_of(system: System | None) -> str:
    """What the provider calls the place of a system."""
    provider = ABILITIES[system.kind].provider if system else Provider.AWS
    return {Provider.AZURE: "Location", Provider.GCP: "Zone"}.get(provider, FACTS["region"])


def _size(instance: Instance) -> str:
    """The disks of a machine of Azure or Google; EC2 is not asked for them."""
    disks, gib = max(len(instance.disks), len(instance.disks_gib)), sum(instance.disks_gib)
    return commas(counted(disks, "disk"), f"{gib:,} GB" if gib else "") if disks else ""


def _instance_facts(instance: Instance, owner_tag: str) -> Iterator[Fact]:
    yield _fact("type", commas(copyable(instance.type, 30), copyable(instance.platform, 40)))
    yield _fact("size", _size(instance))
    yield _fact("state", copyable(instance.state, 30))
    yield _fact("private_address", copyable(instance.private_ip, 45), code=True)
    yield _fact("public_address", copyable(instance.public_ip, 45), code=True)
    owner = next((value for key, value in instance.tags.items() if key.lower() == owner_tag.lower()), "")
    yield _fact("owner", copyable(owner, 80))
    yield _fact("tags", _tags(instance, ("name", owner_tag.lower())))
    network = (copyable(instance.vpc, 40), copyable(instance.subnet, 40))
    yield _fact("network", " / ".join(filter(None, network)))
    yield _fact("security_groups", security_groups_of(instance))
    yield _fact("iam_profile", copyable(instance.iam_profile, 150), code=True)
    yield _fact("image", copyable(instance.image, 80), code=True)
    yield _fact("launched", utc_minute(instance.launched_at))


def security_groups_of(instance: Instance) -> str:
    return one_line(commas(*(copyable(group, 80) for group in instance.security_groups)), 300)


def _tags(instance: Instance, without: tuple[str, ...]) -> str:
    shown = [
        f"{copyable(key, 40)}={copyable(value, 60)}"
        for key, value in sorted(instance.tags.items())
        if key.lower() not in without and not key.startswith("aws:")
    ]
    more = len(shown) - MAX_TAGS
    return commas(*shown[:MAX_TAGS], f"and {more} more" if more > 0 else "")


def _evidence(evidence: Evidence) -> str:
    named = with_id(copyable(evidence.name, 100), f"id {evidence.id}")
    resource = copyable(evidence.resource, 60)
    resource = " ".join(
        filter(None, (copyable(evidence.resource_type, 30), "" if resource in named else resource))
    )
    return commas(named, resource, disk_size(evidence.size_mb), copyable(evidence.os, 60))
