"""Composes the message that people read from an alarm.

`_CONTENT` says which function composes which kind of event. All text is cleaned and bounded here; each
destination escapes it by its own rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

from receiver.messages.case_texts import (
    acknowledged,
    closed,
    released,
    reopened,
    still_there,
    unacknowledged,
)
from receiver.messages.configured_wording import ConfiguredWording
from receiver.messages.content import Content
from receiver.messages.counts import malicious_count, suspicious_count, worst_first
from receiver.messages.facts import all_facts, in_order, person_of
from receiver.messages.hunts import capture_failed, capture_stalled, hunt_finished, hunt_missed
from receiver.messages.links import configured_links, links_left_out, links_of
from receiver.messages.message import MAX_SUMMARY, MAX_TITLE, UPDATE, CaseStatus, Message
from receiver.messages.own_events import (
    check_failed,
    connection_test,
    coverage_old,
    destination_broken,
    destination_mended,
    heartbeat,
    job_failing,
    mute_ending,
    muted,
    preflight_found,
    report,
    undelivered,
    vulnerabilities_found,
    webhook_broken,
    webhooks_refused,
)
from receiver.messages.own_hits import hit_facts, hits_of, named_first, own_first
from receiver.messages.platform_events import (
    alarms_found,
    not_understood,
    other_event,
    processing_failed,
    processing_finished,
    recovered,
)
from receiver.messages.safe_text import copyable, harmless_line, shortened_path
from receiver.messages.subject import system_of
from receiver.messages.template_values import template_values
from receiver.messages.wording import sentences
from shared.config.config import Config
from shared.models import attack, event_kinds
from shared.models.alarms import Alarm
from shared.models.cases import CaseState
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    ALARM_KINDS,
    CAPTURE_FAILED,
    CAPTURE_STALLED,
    CHECK_FAILED,
    CLOSED,
    COVERAGE_OLD,
    DESTINATION_BROKEN,
    DESTINATION_MENDED,
    HEARTBEAT,
    HUNT_FINISHED,
    HUNT_MISSED,
    JOB_FAILING,
    MUTE_ENDING,
    MUTED,
    PREFLIGHT_FOUND,
    RECOVERED,
    RELEASED,
    REOPENED,
    REPORT,
    STILL_THERE,
    TEST,
    UNACKNOWLEDGED,
    UNDELIVERED,
    UNKNOWN_EVENT,
    VULNERABILITIES_FOUND,
    WEBHOOK_BROKEN,
    WEBHOOKS_REFUSED,
)
from shared.models.evidence import Finding
from shared.models.intelligence import Hit
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.text import one_line

MAX_FINDINGS = 10
MAX_GAPS = 20
MAX_ATTACK = 4
_REPEAT = "This may be a repeat: that it is news could not be confirmed."
_CONTENT: dict[str, Callable[[Alarm], Content]] = {
    "high_severity_alarm": alarms_found,
    "suspicious_severity_event": alarms_found,
    "processing_with_alarms": alarms_found,
    RECOVERED: recovered,
    "processing_finished": processing_finished,
    "processing_failed": processing_failed,
    CAPTURE_FAILED: capture_failed,
    CAPTURE_STALLED: capture_stalled,
    HUNT_MISSED: hunt_missed,
    HUNT_FINISHED: hunt_finished,
    WEBHOOK_BROKEN: webhook_broken,
    WEBHOOKS_REFUSED: webhooks_refused,
    JOB_FAILING: job_failing,
    DESTINATION_BROKEN: destination_broken,
    DESTINATION_MENDED: destination_mended,
    CHECK_FAILED: check_failed,
    PREFLIGHT_FOUND: preflight_found,
    MUTED: muted,
    MUTE_ENDING: mute_ending,
    TEST: connection_test,
    HEARTBEAT: heartbeat,
    REPORT: report,
    COVERAGE_OLD: coverage_old,
    VULNERABILITIES_FOUND: vulnerabilities_found,
    UNDELIVERED: undelivered,
    ACKNOWLEDGED: acknowledged,
    RELEASED: released,
    CLOSED: closed,
    REOPENED: reopened,
    UNACKNOWLEDGED: unacknowledged,
    STILL_THERE: still_there,
    UNKNOWN_EVENT: not_understood,
}


def compose(
    alarm: Alarm, config: Config | None = None, *, maybe_repeat: bool = False, case: CaseStatus | None = None
) -> Message:
    """The message for an alarm. `config.message` may replace its title, facts and footer.

    Every alarm becomes a message, however little is known about it. Never raises.
    """
    event, case = alarm.event, case or CaseStatus()
    content, hits = _content_of(alarm)
    findings = own_first(worst_first(alarm.findings))
    links = (*links_of(alarm, case, config), *configured_links(config))
    owner_tag = config.owner_tag if config else "Owner"
    facts = (*hit_facts(hits), *all_facts(alarm, case, content.facts, owner_tag))
    values = cache(partial(template_values, alarm, content, facts, links))  # few configurations need them
    wording = ConfiguredWording(config.message if config else None, values)
    title = wording.title(content.title) if event.kind in ALARM_KINDS else content.title
    chosen = bool(config and config.message.facts and not event.report)
    facts = in_order(facts, title)
    if chosen:
        facts = in_order(wording.facts(facts), title, chosen=True)
    footer = wording.footer()
    gaps = (
        *wording.failed,
        *(harmless_line(text, 200) for text in alarm.disagreements),
        *links_left_out(links),
        *content.gaps,
        *_note(alarm),
        *(f"{harmless_line(gap.what, 80)}: {harmless_line(gap.why, 200)}" for gap in alarm.gaps),
    )
    return Message(
        id=copyable(event.id, 200),
        kind=copyable(event.kind, 60),
        severity=alarm.severity,
        title=_whole_title(alarm, title),
        summary=one_line(
            sentences(_sent_again(alarm), _REPEAT if alarm.may_repeat else "", content.summary), MAX_SUMMARY
        ),
        facts=tuple(fact for fact in facts if fact.value),
        findings=tuple(_harmless(finding) for finding in findings[:MAX_FINDINGS]),
        findings_total=max(alarm.findings_total, len(findings)),
        lines=content.lines,
        lines_total=content.lines_total,
        quote=content.quote,
        gaps=_first(gaps, MAX_GAPS),
        links=links,
        labels=_labels(alarm),
        case_key="" if event.kind in (TEST, HEARTBEAT, REPORT) else alarm.case_key,
        maybe_repeat=maybe_repeat,
        sent_again=alarm.sent_again is not None,
        footer=footer,
        malicious=malicious_count(alarm) or 0,
        suspicious=suspicious_count(alarm) or 0,
        owner=_person_to_mention(alarm),
        overview=compose(case.worst, config, case=replace(case, worst=None)) if case.worst else None,
        offers=case.offers,
        loud=_continues(alarm),
        decided_since=_decided_since(alarm, case),
        values=values,
        alarm=alarm,
    )


def title_of(alarm: Alarm, config: Config) -> str:
    """The title of the alarm's message. Composing the whole message takes five times as long."""
    if config.message.title:  # a template, which may use any part of the message
        return compose(alarm, config).title
    return _whole_title(alarm, _content_of(alarm)[0].title)


def _content_of(alarm: Alarm) -> tuple[Content, tuple[Hit, ...]]:
    """What its kind of event says, and which rules and indicators of one's own were hit."""
    content = _CONTENT.get(alarm.event.kind, other_event)(alarm)
    hits = hits_of(alarm) if alarm.event.kind in ALARM_KINDS else ()
    return (replace(content, title=named_first(content.title, hits)) if hits else content), hits


def _whole_title(alarm: Alarm, title: str) -> str:
    return one_line(f"{UPDATE}{title}" if alarm.earlier or _continues(alarm) else title, MAX_TITLE)


def _continues(alarm: Alarm) -> bool:
    """Whether the alarm is news about a case that an earlier hunt began."""
    if alarm.sent_again:
        return False
    judgement = alarm.judgement
    return alarm.event.kind in ALARM_KINDS and judgement is not None and judgement.continues


def _decided_since(alarm: Alarm, case: CaseStatus) -> CaseState | None:
    """How the case stands, if that differs from what the alarm's event says of it."""
    match alarm.event.kind, case.state:
        case (_, None):
            return None
        case (event_kinds.ACKNOWLEDGED, state):
            return None if state is CaseState.ACKNOWLEDGED else state
        case (event_kinds.CLOSED, state):
            return None if state is CaseState.CLOSED else state
        case (_, CaseState.CLOSED):
            return CaseState.CLOSED  # an alarm, or somebody, would have reopened it
    taken = case.acknowledgement
    return CaseState.ACKNOWLEDGED if taken and taken.at >= alarm.event.received_at else None


def _sent_again(alarm: Alarm) -> str:
    if again := alarm.sent_again:
        who, event = person_of(again.by), copyable(again.event_id, 100)
        return f"Sent because {who} asked for it; event {event} told the same before."
    return ""


def _first(lines: tuple[str, ...], limit: int) -> tuple[str, ...]:
    """At most `limit` lines. If there are more, the last line says how many."""
    more = len(lines) - limit + 1
    return lines if more <= 1 else (*lines[: limit - 1], f"and {more:,} more of these")


def _person_to_mention(alarm: Alarm) -> Owner | None:
    if alarm.acknowledgement:
        return Owner(slack=alarm.acknowledgement.slack) if alarm.acknowledgement.slack else None
    return alarm.owner if alarm.severity in (Severity.MALICIOUS, Severity.SUSPICIOUS) else None


def _harmless(finding: Finding) -> Finding:
    return replace(
        finding,
        description=harmless_line(finding.description, 200) or "An alarm without a description",
        attack=tuple(filter(attack.is_id, finding.attack))[:MAX_ATTACK],
        path=shortened_path(finding.path),
    )


def _labels(alarm: Alarm) -> tuple[str, ...]:
    report, system = alarm.event.report, system_of(alarm)
    named = (
        "huntbridge",
        alarm.severity.value,
        alarm.event.kind,
        report.hunt if report else alarm.hunt.name if alarm.hunt else "",
        system.name if system else "",
    )
    safe = (re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")[:255] for name in named)
    return tuple(dict.fromkeys(filter(None, safe)))


def _note(alarm: Alarm) -> Iterator[str]:
    """What was wrong with the webhook's body. For unknown events and tests the summary already says it."""
    if alarm.event.note and alarm.event.kind not in (UNKNOWN_EVENT, TEST):
        yield f"The webhook: {harmless_line(alarm.event.note, 250)}"
