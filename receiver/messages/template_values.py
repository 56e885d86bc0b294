"""The values that a template of the configuration can use, by the names of shared/config/templates.py."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.messages.content import Content
from receiver.messages.counts import malicious_count, suspicious_count, worst_first
from receiver.messages.facts import security_groups_of
from receiver.messages.message import MAX_SUMMARY, MAX_TITLE, Fact, Link
from receiver.messages.safe_text import copyable, harmless_line
from receiver.messages.subject import account_id_of, host_of, region_of, system_of, titled
from receiver.messages.wording import commas
from shared.models import attack
from shared.models.alarms import Alarm
from shared.phrases import utc_minute
from shared.text import one_line

MAX_TECHNIQUES = 8


def template_values(
    alarm: Alarm, content: Content, facts: Iterable[Fact], links: Iterable[Link]
) -> dict[str, object]:
    """A value for each name. None or empty text means that it is not known."""
    event, instance, evidence, hunt = alarm.event, alarm.instance, alarm.evidence, alarm.hunt
    system, project, capture = system_of(alarm), alarm.project, alarm.capture
    findings = worst_first(alarm.findings)
    techniques = dict.fromkeys(id for finding in findings for id in finding.attack if attack.is_id(id))
    urls = {link.name: link.url for link in links}
    named = {fact.name: fact.value for fact in facts}
    return {
        "title": one_line(content.title, MAX_TITLE),
        "summary": one_line(content.summary, MAX_SUMMARY),
        "severity": alarm.severity.value,
        "kind": copyable(event.kind, 60),
        "event_id": copyable(event.id, 200),
        "malicious": malicious_count(alarm),
        "suspicious": suspicious_count(alarm),
        "worst": harmless_line(findings[0].description, 200) if findings else "",
        "techniques": commas(*map(attack.titled, list(techniques)[:MAX_TECHNIQUES])),
        "history": named.get("history", ""),
        "host": host_of(alarm),
        "instance": titled(system) if system else "",
        "type": copyable(instance.type, 30) if instance else "",
        "platform": copyable(instance.platform, 40) if instance else "",
        "state": copyable(instance.state, 30) if instance else "",
        "account": copyable(system.account, 40) if system else "",
        "account_id": account_id_of(alarm),
        "region": region_of(alarm),
        "place": copyable(system.place, 160) if system else "",
        "zone": copyable(instance.zone, 30) if instance else "",
        "private_address": copyable(instance.private_ip, 45) if instance else "",
        "public_address": copyable(instance.public_ip, 45) if instance else "",
        "vpc": copyable(instance.vpc, 40) if instance else "",
        "subnet": copyable(instance.subnet, 40) if instance else "",
        "security_groups": security_groups_of(instance) if instance else "",
        "iam_profile": copyable(instance.iam_profile, 150) if instance else "",
        "image": copyable(instance.image, 80) if instance else "",
        "launched": utc_minute(instance.launched_at) if instance else "",
        "owner": named.get("owner", ""),
        "tags": {key: copyable(value, 256) for key, value in instance.tags.items()} if instance else {},
        "hunt": copyable(hunt.name, 60) if hunt else "",
        "scheduled": utc_minute(hunt.scheduled_at) if hunt else "",
        "project": copyable(project.name, 80) if project else "",
        "project_id": project.id if project else event.project_id,
        "evidence": copyable(evidence.name, 100) if evidence else "",
        "evidence_id": evidence.id if evidence else event.evidence_id,
        "captured": utc_minute(capture.requested_at) if capture else "",
        "processed": utc_minute(evidence.processed_at) if evidence else "",
        "received": utc_minute(event.received_at),
        "link": urls.get("platform", ""),
        "console_link": urls.get("console", ""),
    }
