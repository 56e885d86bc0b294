"""Alarm → Message: what is said, in which order, before it is Slack, Teams or Jira.

Every string in a message is plain text that was cleaned here (no control or bidirectional characters, links
made inert) and bounded; escaping it is the destination's business, since each has its own rules.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from receiver.events.dedupe import tells_of_alarms
from receiver.events.parse.webhook import TEST_NOTE
from receiver.messages import attack
from shared.config.config import Config
from shared.config.facts import FACTS, OTHERS
from shared.config.links import LONGEST_SLACK_LINK
from shared.config.message import MessageConfig
from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm, Change, Earlier
from shared.models.captures import CaptureState
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    CAPTURE_FAILED,
    CAPTURE_STALLED,
    HEARTBEAT,
    HUNT_FINISHED,
    HUNT_MISSED,
    JOB_FAILING,
    RECOVERED,
    TEST,
    UNACKNOWLEDGED,
    UNDELIVERED,
    UNKNOWN_EVENT,
    WEBHOOK_BROKEN,
    WEBHOOKS_REFUSED,
)
from shared.models.evidence import Evidence, Finding
from shared.models.hunts import COVERAGE_DAYS, CaptureResult, HuntReport
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.text import clean, defang, one_line, shorten

MAX_TITLE = 200
MAX_SUMMARY = 500
MAX_QUOTE = 1_500
MAX_FINDINGS = 10
MAX_LINES = 100
MAX_GAPS = 20
MAX_TAGS = 10
MAX_NEW_KINDS = 3
MAX_FACT = 300
MAX_SAME = 10  # systems that are named in one line, since they failed for one reason
MAX_LEFT_OUT = 600  # a reason and the systems that it left out
MAX_FOOTER = 500
MAX_ATTACK = 4
MAX_PATH, MAX_PATH_END = 200, 140
MAX_TECHNIQUES = 8
MAX_MEGABYTES = 2**40  # a larger disk is a mistake
_REPEAT = "This may be a repeat: that it is news could not be confirmed."
UPDATE = "Update: "  # what the title of an alarm begins with that adds to an earlier one


@dataclass(frozen=True)
class Fact:
    label: str
    value: str
    code: bool = False  # an identifier or a path: shown as code where the destination can
    # By which the configuration may choose it; without one it is always shown.
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Link:
    name: str  # own_1… for the configuration's own, else platform | console | issue
    text: str
    url: str


@dataclass(frozen=True)
class Message:
    """One alarm, composed for people. Facts come most important first: the last are dropped first."""

    id: str  # the event's id, shown small, so that a repeat can be recognised
    kind: str  # the event's kind
    severity: Severity
    title: str  # one line: what, where, how bad
    summary: str  # one or two sentences in words
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()  # worst first
    findings_total: int = 0  # how many kinds there are, shown or not
    lines: tuple[str, ...] = ()  # a list, worst first: the systems of a finished hunt
    lines_total: int = 0  # how many there are, shown or not
    quote: str = ""  # raw text from outside, shown as text: the body of an unknown event, a failure's reason
    gaps: tuple[str, ...] = ()  # "Instance details: access denied by EC2"
    links: tuple[Link, ...] = ()  # the platform first, then the EC2 console, then the case's issue in Jira
    labels: tuple[str, ...] = ()  # lower case, no spaces: hunt, severity, system
    case_key: str = ""
    maybe_repeat: bool = False  # an earlier attempt may have arrived
    footer: str = ""  # one line of the configuration's own
    left_out: str = ""  # written by a destination's budget: what did not fit
    malicious: int = 0  # alarms of that severity, as far as it is known
    suspicious: int = 0  # the same
    owner: Owner | None = None  # whom to call; None where there is no malicious or suspicious alarm
    # For a message that tells of an event other than an alarm (the case was acknowledged): the message of the
    # case's worst alarm, which has no overview itself. See `case_overview`.
    overview: Message | None = field(default=None, compare=False, repr=False)
    offers: tuple[
        str, ...
    ] = ()  # the case's buttons, where there are buttons: acknowledge, create-issue
    silent: bool = False  # nothing new has happened: only the case's message is brought up to date
    # What a template of the configuration may name: clean text, numbers, and the tags.
    values: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)
    # For a destination that machines read: what is said above, as values.
    alarm: Alarm | None = field(default=None, compare=False, repr=False)

    @property
    def case_overview(self) -> Message:
        """What the one message about the whole case says, at a destination that keeps and edits one."""
        return self.overview or self


@dataclass(frozen=True)
class Standing:
    """How a case stands, as far as the ledger knows, for a message about it."""

    taken: Acknowledgement | None = None
    issue: tuple[str, str] | None = None  # key and URL of its issue in Jira
    offers: tuple[str, ...] = ()
    worst: Alarm | None = None  # the worst alarm so far; None: the message's own says it


@dataclass(frozen=True)
class _Told:
    """What one kind of event has to say beyond the facts that every kind shares."""

    title: str
    summary: str = ""
    quote: str = ""
    facts: tuple[Fact, ...] = ()
    lines: tuple[str, ...] = ()
    lines_total: int = 0
    gaps: tuple[str, ...] = ()


def compose(
    alarm: Alarm, config: Config | None = None, *, maybe_repeat: bool = False, case: Standing | None = None
) -> Message:
    """Say an alarm in words, the configuration's where it has some. Total: any alarm becomes a message,
    however little is known."""
    event, earlier, case = alarm.event, alarm.earlier, case or Standing()
    told = _BUILDERS.get(event.kind, _other)(alarm)
    findings = worst_first(alarm.findings)
    links = (*_links(alarm, case), *_own_links(config))
    owner_tag = config.owner_tag if config else "Owner"
    facts = (
        *_taken(alarm.taken or case.taken),
        *_told_before(earlier),
        *_history(alarm.change),
        *told.facts,
        *_facts(alarm, owner_tag),
    )
    values = _values(alarm, told, facts, links)
    wording = Wording(config.message if config else None, values)
    title = wording.title(told.title) if tells_of_alarms(event) else told.title
    facts = facts if event.report else tuple(wording.facts(facts))
    footer = wording.footer()
    gaps = (
        *wording.failed,
        *(_words(one, 200) for one in alarm.disagreements),
        *_lost_links(links),
        *told.gaps,
        *_note(alarm),
        *(f"{_words(gap.what, 80)}: {_words(gap.why, 200)}" for gap in alarm.gaps),
    )
    return Message(
        id=_name(event.id, 200),
        kind=_name(event.kind, 60),
        severity=alarm.severity,
        title=one_line(f"{UPDATE}{title}" if earlier else title, MAX_TITLE),
        summary=one_line(_sentences(_REPEAT if alarm.may_repeat else "", told.summary), MAX_SUMMARY),
        facts=tuple(fact for fact in facts if fact.value),
        findings=tuple(_cleaned(finding) for finding in findings[:MAX_FINDINGS]),
        findings_total=max(alarm.findings_total, len(findings)),
        lines=told.lines,
        lines_total=told.lines_total,
        quote=told.quote,
        gaps=_first(gaps, MAX_GAPS),
        links=links,
        labels=_labels(alarm),
        case_key="" if event.kind in (TEST, HEARTBEAT) else alarm.case_key,
        maybe_repeat=maybe_repeat,
        footer=footer,
        malicious=_malicious(alarm) or 0,
        suspicious=_suspicious(alarm) or 0,
        owner=_whom_to_call(alarm),
        overview=compose(case.worst, config, case=replace(case, worst=None)) if case.worst else None,
        offers=case.offers,
        values=values,
        alarm=alarm,
    )


class Wording:
    """What the configuration says instead. What it says of one alarm fails where a template does: then that
    is said as usual, and `failed` tells of it."""

    def __init__(self, config: MessageConfig | None, values: Mapping[str, object]) -> None:
        self._config, self._values = config or MessageConfig(), values
        self.failed: list[str] = []

    def title(self, usual: str) -> str:
        return self._filled("message.title", self._config.title, MAX_TITLE) or usual

    def footer(self) -> str:
        return self._filled("message.footer", self._config.footer, MAX_FOOTER)

    def facts(self, usual: Iterable[Fact]) -> Iterator[Fact]:
        """Those without a name, and then those that were chosen; as usual where none was."""
        usual = tuple(usual)
        if not self._config.facts:
            yield from usual
            return
        named = {fact.name: fact for fact in usual if fact.name}
        chosen = {fact.show for fact in self._config.facts}
        yield from (fact for fact in usual if not fact.name)
        for number, one in enumerate(self._config.facts):
            if one.show == OTHERS:
                yield from (fact for name, fact in named.items() if name not in chosen)
            elif one.show in named:
                yield named[one.show]
            elif one.tag:
                yield Fact(one.label or _name(one.tag, 40), self._tag(one.tag))
            elif one.value:
                yield Fact(one.label or "", self._filled(f"message.facts[{number}]", one.value, MAX_FACT))

    def _tag(self, name: str) -> str:
        tags = self._values.get("tags")
        return str(tags.get(name, "")) if isinstance(tags, Mapping) else ""

    def _filled(self, key: str, text: str | None, limit: int) -> str:
        """Cleaned again: two harmless values side by side may be a link."""
        if text is None:
            return ""
        from shared.config.templates import template  # Jinja takes 0.1 s, and few configurations need it

        try:
            return _name(template(text).render(self._values), limit)
        except ValueError as error:
            self.failed.append(f"{key} of the configuration cannot be filled in: {_words(str(error), 200)}")
            return ""


def _first(lines: tuple[str, ...], limit: int) -> tuple[str, ...]:
    """The first of them, the last of which counts the others where there are more."""
    more = len(lines) - limit + 1
    return lines if more <= 1 else (*lines[: limit - 1], f"and {more:,} more of these")


def _whom_to_call(alarm: Alarm) -> Owner | None:
    if alarm.taken:
        return Owner(slack=alarm.taken.slack) if alarm.taken.slack else None
    return alarm.owner if alarm.severity in (Severity.MALICIOUS, Severity.SUSPICIOUS) else None


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (-f.severity.rank, -f.count))


# One builder per kind of event.


def _alarms(alarm: Alarm) -> _Told:
    return _Told(
        title=_join(_counts(alarm) or _KINDS[alarm.event.kind], _where(alarm)),
        summary=_worst(alarm.findings) or _own_words(alarm),
    )


def _recovered(alarm: Alarm) -> _Told:
    return _Told(
        title=_join(_counts(alarm) or "Alarms", _where(alarm)),
        summary=_sentences(
            "What was told of these alarms before was less, or was not confirmed by the platform; huntbridge "
            "found them by looking."
            if alarm.earlier
            else "No webhook arrived for these alarms; huntbridge found them by looking.",
            _worst(alarm.findings),
        ),
    )


def _processing_finished(alarm: Alarm) -> _Told:
    counts = _counts(alarm)
    if not counts and (alarm.malicious, alarm.suspicious) == (0, 0):
        counts = "no alarms"
    title = _join(_KINDS[alarm.event.kind], _where(alarm))
    return _Told(
        title=f"{title}: {counts}" if counts else title,
        summary=_worst(alarm.findings) or _own_words(alarm),
    )


def _processing_failed(alarm: Alarm) -> _Told:
    return _Told(
        title=_join("Processing failed", _where(alarm)),
        summary="What was captured could not be processed, so it was not searched for threats.",
        quote=_quote(alarm.event.text),
    )


def _capture_failed(alarm: Alarm) -> _Told:
    reason = (alarm.capture.reason if alarm.capture else "") or alarm.event.text
    return _Told(
        title=_join("Capture failed", _where(alarm)),
        summary="This system was not captured, so this hunt says nothing about it.",
        quote=_quote(reason),
    )


def _capture_stalled(alarm: Alarm) -> _Told:
    return _Told(
        title=_join("Capture stands still", _where(alarm)),
        summary="It goes on by itself if the platform does; this is told once.",
        quote=_quote(alarm.event.text),
    )


def _hunt_missed(alarm: Alarm) -> _Told:
    name, _, due = (alarm.event.hunt_id or "").rpartition("@")
    name = _name(name, 60)
    return _Told(
        title=f"Hunt {name} did not run" if name else "A hunt did not run",
        summary="None of its systems was captured in this run, so nothing was searched for threats.",
        quote=_quote(alarm.event.text),
        facts=() if alarm.hunt else (Fact("Hunt", name), Fact("Due", _name(due, 40))),
    )


def _hunt_finished(alarm: Alarm) -> _Told:
    report = alarm.event.report
    if report is None:
        return _Told(title="Hunt finished", summary=_own_words(alarm), quote=_own_quote(alarm))
    name = _name(report.hunt, 60)
    lines = _grouped(report)
    return _Told(
        title=f"Hunt {name} {_ended(report)}",
        summary=f"{_n(report.systems, 'system')}, scheduled for {_time(report.scheduled_at)}.",
        quote=_quote(report.reason),
        facts=(Fact("Hunt", name), Fact("Scheduled", _time(report.scheduled_at)), *_digest(report)),
        lines=tuple(lines[:MAX_LINES]),
        lines_total=len(lines) + max(0, report.systems - len(report.captures)),
        gaps=(
            *(f"Hunt definition: {_words(problem, 200)}" for problem in report.problems),
            *(_words(reason, MAX_LEFT_OUT) for reason in report.left_out),
        ),
    )


def _webhook_broken(alarm: Alarm) -> _Told:
    if alarm.event.mended:
        return _Told(
            title="The platform's webhook reaches huntbridge again",
            summary="What was told about it before is mended. Alarms arrive when the platform finds them.",
        )
    return _Told(
        title="The platform's webhook does not reach huntbridge",
        summary="Alarms arrive late until this is mended on the platform: huntbridge then finds them only by "
        "looking, and only in the projects that it looks at.",
        quote=_quote(alarm.event.text),
    )


def _webhooks_refused(alarm: Alarm) -> _Told:
    """Its text says for each reason how many, and from which addresses."""
    count = alarm.event.alarms or 0
    return _Told(
        title=f"{_n(count, 'webhook')} {'was' if count == 1 else 'were'} refused",
        summary="Each may have been an alarm, and the platform does not send it again: huntbridge finds it "
        "only by looking, in the projects that it looks at. Where the sender is not the platform, somebody "
        "else tries to get in.",
        quote=_quote(alarm.event.text),
    )


def _job_failing(alarm: Alarm) -> _Told:
    """Its title are the names of jobs, its text a line for each: since when, and why."""
    jobs = _name(alarm.event.title, 100)
    if alarm.event.mended:
        return _Told(
            title=f"huntbridge's own work goes on again: {jobs}",
            summary="What had to wait is made up for.",
            quote=_quote(alarm.event.text),
        )
    return _Told(
        title=f"huntbridge's own work has failed for long: {jobs}",
        summary="It is tried again at every look. Until it works, what it does comes late: this is told "
        "once, and so is its mending.",
        quote=_quote(alarm.event.text),
    )


def _undelivered(alarm: Alarm) -> _Told:
    """Its title is a destination, or a queue in words; its text the reason of the last one. `alarms` says how
    many there were; None: it is about this one alarm."""
    about, count, malicious = _name(alarm.event.title, 60), alarm.event.alarms, alarm.event.malicious
    of_queue = about.startswith("the queue ")
    again = "--all" if of_queue else f"--destination {about}"
    if count is None:
        what = _join(_counts(alarm) or "A malicious alarm", _where(alarm))
        title = f"{what} could not be told" + ("" if of_queue else f" to {about}")
    elif of_queue:
        title = f"{_n(count, 'item')} of {about} could not be worked"
    else:
        title = f"{_n(count, 'message')} could not be delivered to {about}"
    if count and malicious:
        title += f", {malicious:,} of them malicious"
    return _Told(
        title=title,
        summary="Nothing is lost: `huntbridge dead list` shows what is kept, and "
        f"`huntbridge dead retry {again}` tries it again once the cause is gone.",
        quote=_quote(alarm.event.text),
    )


def _acknowledged(alarm: Alarm) -> _Told:
    who = _taker(alarm.taken) if alarm.taken else "somebody"
    about = _join(_counts(alarm), _where(alarm))
    return _Told(title=f"Taken by {who}: {about}" if about else f"Taken by {who}")


def _unacknowledged(alarm: Alarm) -> _Told:
    """Its text says since when, and how often it was told."""
    about = _join(_counts(alarm) or "alarms", _where(alarm))
    return _Told(
        title=f"Nobody has taken this yet: {about}",
        summary=_sentences(_words(alarm.event.text, 200), _worst(alarm.findings)),
    )


def _heartbeat(alarm: Alarm) -> _Told:
    """Its text says for how long nothing was sent."""
    return _Told(
        title="huntbridge is alive",
        summary=_sentences(
            _words(alarm.event.text, 100),
            "There is no alarm, and nothing to do: this keeps the workflow on, which Microsoft switches off "
            "after 90 days without use.",
        ),
    )


def _test(alarm: Alarm) -> _Told:
    """Where the platform sent it, its note says so; else its title is the destination."""
    event = alarm.event
    if event.note:
        return _Told(
            title="TEST: the platform's webhook reaches huntbridge",
            summary=f"{_capital(_words(event.note, 250))}. There is no alarm, and nothing to do.",
            quote=_quote(f"{event.title}\n{event.text}"),
        )
    return _Told(
        title=f"TEST: a message for {_name(alarm.event.title, 60)}",
        summary="Sent by `huntbridge send-test`. There is no alarm, and nothing to do.",
    )


def _unknown(alarm: Alarm) -> _Told:
    event = alarm.event
    note = _words(event.note, 250).rstrip(".")
    text = event.text if event.title in event.text else f"{event.title}\n{event.text}"
    what = "An event from the platform that could not be understood"
    if TEST_NOTE in event.note:  # or a template that is wrong, and then an alarm may be behind it
        what = "Probably a TEST of the platform's webhook"
    return _Told(
        title=_join(_counts(alarm) or what, _where(alarm)),
        summary=_sentences(
            "It is not clear what happened." if _counts(alarm) else "",
            f"{_capital(note)}." if note else "",
            "The text is shown as it came.",
        ),
        quote=_quote(text),
    )


def _other(alarm: Alarm) -> _Told:
    kind = alarm.event.kind
    if kind.startswith("detection_") and kind in _KINDS:
        what = _detected(alarm, _KINDS[kind])
    elif kind in _KINDS:
        what = _KINDS[kind]
    elif kind.startswith("audit_event_"):
        what = f"Audit event: {_words(kind.removeprefix('audit_event_').replace('_', ' '), 40)}"
    else:
        what = f"Event: {_words(kind.replace('_', ' '), 60)}"
    return _Told(
        title=_join(what, _where(alarm)),
        summary=_own_words(alarm),
        quote=_own_quote(alarm),
        facts=tuple(_detection_facts(alarm)),
    )


def _detected(alarm: Alarm, what: str) -> str:
    found = alarm.event.detection
    name, said = (_words(found.name, 100), _words(found.said, 20)) if found else ("", "")
    return (f"{what}: {name}" if name else what) + (f" (severity {said})" if said else "")


def _detection_facts(alarm: Alarm) -> Iterator[Fact]:
    if found := alarm.event.detection:
        yield Fact("Detection", _words(found.name, 200))
        yield Fact("Severity", _words(found.said, 40))
        yield Fact("Resource", _words(found.resource, 200), code=True)


_KINDS = {
    "high_severity_alarm": "High severity alarm",
    "suspicious_severity_event": "Suspicious event",
    "processing_with_alarms": "Alarms",
    "processing_finished": "Processing finished",
    "admin_login": "An administrator signed in to the platform",
    "audit_event_create": "Audit event: something was created",
    "audit_event_update": "Audit event: something was changed",
    "audit_event_delete": "Audit event: something was deleted",
    "audit_event_login": "Audit event: a user signed in",
    "audit_event_logout": "Audit event: a user signed out",
    "audit_event_download": "Audit event: something was downloaded",
    "audit_event_upload": "Audit event: something was uploaded",
    "audit_event_reboot": "Audit event: the platform was restarted",
    "audit_event_upgrade": "Audit event: the platform was upgraded",
    "audit_event_import": "Audit event: something was imported",
    "audit_event_tested": "Audit event: something was tested",
    "audit_event_cancel": "Audit event: something was cancelled",
    "audit_event_rerun": "Audit event: something was run again",
    "detection_created": "New detection",
    "detection_updated": "Detection changed",
    "detection_group_created": "New group of detections",
    "detection_group_updated": "Group of detections changed",
}

_BUILDERS: dict[str, Callable[[Alarm], _Told]] = {
    "high_severity_alarm": _alarms,
    "suspicious_severity_event": _alarms,
    "processing_with_alarms": _alarms,
    RECOVERED: _recovered,
    "processing_finished": _processing_finished,
    "processing_failed": _processing_failed,
    CAPTURE_FAILED: _capture_failed,
    CAPTURE_STALLED: _capture_stalled,
    HUNT_MISSED: _hunt_missed,
    HUNT_FINISHED: _hunt_finished,
    WEBHOOK_BROKEN: _webhook_broken,
    WEBHOOKS_REFUSED: _webhooks_refused,
    JOB_FAILING: _job_failing,
    TEST: _test,
    HEARTBEAT: _heartbeat,
    UNDELIVERED: _undelivered,
    ACKNOWLEDGED: _acknowledged,
    UNACKNOWLEDGED: _unacknowledged,
    UNKNOWN_EVENT: _unknown,
}


# Parts of sentences.


def _counts(alarm: Alarm) -> str:
    """How bad, in numbers; empty where no number is known or all are zero."""
    event = alarm.event
    malicious = _malicious(alarm)
    suspicious = _suspicious(alarm)
    if malicious and suspicious is None and event.kind == "high_severity_alarm":
        return _n(malicious, "high severity alarm")
    if suspicious and malicious is None and event.kind == "suspicious_severity_event":
        return _n(suspicious, "suspicious event")
    if malicious or suspicious:
        named = ((malicious, "malicious"), (suspicious, "suspicious"))
        return ", ".join(f"{count:,} {word}" for count, word in named if count)
    if not event.alarms:
        return ""
    return _n(event.alarms, "high severity alarm" if event.kind == "high_severity_alarm" else "alarm")


def _malicious(alarm: Alarm) -> int | None:
    return alarm.event.malicious if alarm.malicious is None else alarm.malicious


def _suspicious(alarm: Alarm) -> int | None:
    return alarm.event.suspicious if alarm.suspicious is None else alarm.suspicious


def _told_before(earlier: Earlier | None) -> Iterator[Fact]:
    """What an update adds to: whoever reads it has seen that message."""
    if earlier:
        named = ((earlier.malicious, "malicious"), (earlier.suspicious, "suspicious"))
        counts = ", ".join(f"{count:,} {word}" for count, word in named if count)
        counts = counts or (_n(earlier.total, "alarm") if earlier.total else earlier.severity.value)
        yield Fact("Told before", f"{counts} (event {_name(earlier.event_id, 60)})")


def _history(change: Change | None) -> Iterator[Fact]:
    """How this differs from the alarms before on the same system."""
    if change is None:
        return
    if change.first_at is None:
        yield _fact("history", _semicolons("first alarm on this system", _hunts_before(change)))
        return
    yield _fact(
        "history",
        _semicolons(
            _new_kinds(change),
            _hunts_before(change),
            f"the last one came at {_time(change.last_at)}",
            f"the first at {_time(change.first_at)}" if change.first_at != change.last_at else "",
        ),
    )


def _new_kinds(change: Change) -> str:
    if not change.new_kinds:
        return "every kind of alarm was seen here before" if change.kinds else ""
    named = [_words(kind, 60) for kind in change.new_kinds[:MAX_NEW_KINDS]]
    more = change.new - len(named)
    count = _n(change.new, "kind")
    return f"{count} of alarm not seen here before: {_commas(*named)}" + (
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


def _where(alarm: Alarm) -> str:
    """The most telling of host, instance, account, project and evidence: "on web-01 (prod, i-0abc)"."""
    host, system = _host(alarm), system_of(alarm)
    if system and system.instance:
        account = _name(system.account, 40)
        if host:
            return f"on {host} ({_commas(account, _name(system.instance, 40))})"
        return f"on {_name(system.instance, 40)}" + (f" ({account})" if account else "")
    project = alarm.project.id if alarm.project else alarm.event.project_id
    evidence = alarm.evidence.id if alarm.evidence else alarm.event.evidence_id
    ids = _commas(
        f"project {project}" if project is not None else "",
        f"evidence {evidence}" if evidence is not None else "",
    )
    if host:
        return f"on {host}" + (f" ({ids})" if ids else "")
    return f"in {ids}" if ids else ""


def _host(alarm: Alarm) -> str:
    name = alarm.instance.name if alarm.instance else ""
    return _name(name or (alarm.evidence.hostname if alarm.evidence else ""), 60)


def system_of(alarm: Alarm) -> System | None:
    """The one that the alarm is about, by whichever source knows it. Its region may not be known."""
    if found := alarm.system or alarm.event.system or (alarm.capture.system if alarm.capture else None):
        return found
    if alarm.instance:
        return System(alarm.instance.id, alarm.instance.region)
    id = (alarm.evidence.instance if alarm.evidence else "") or alarm.event.instance
    return System(id, "") if id else None


def _worst(findings: Iterable[Finding]) -> str:
    """The worst finding as a sentence: what a phone shows of a notification should already say it."""
    worst = min(findings, key=lambda f: (-f.severity.rank, -f.count), default=None)
    if worst is None:
        return ""
    times = "once" if worst.count == 1 else f"{worst.count:,} times"
    return f"Worst: {_words(worst.description, 200)} ({times})."


def _own_words(alarm: Alarm) -> str:
    """The event's own sentence, where it is one and short enough to be read as one."""
    text = _words(alarm.event.text, 2_000)
    return f"The platform says: “{text}”" if text and _is_sentence(alarm.event.text) else ""


def _own_quote(alarm: Alarm) -> str:
    return "" if _is_sentence(alarm.event.text) else _quote(alarm.event.text)


def _note(alarm: Alarm) -> Iterator[str]:
    """What was wrong with the body; an unknown event has it in its summary."""
    if alarm.event.note and alarm.event.kind not in (UNKNOWN_EVENT, TEST):
        yield f"The webhook: {_words(alarm.event.note, 250)}"


def _is_sentence(text: str) -> bool:
    return len(text) <= 300 and "\n" not in text.strip() and not text.lstrip().startswith(("{", "["))


def _ended(report: HuntReport) -> str:
    """How a hunt ended, for its title. One in which nothing was captured is not called finished."""
    if report.stopped:
        return f"was stopped: {_tally(report)}"
    if report.captured or not (report.systems or report.reason):
        return f"finished: {_tally(report)}"
    failed = [capture.reason for capture in report.captures if capture.state is CaptureState.FAILED]
    most = Counter(filter(None, failed)).most_common(1)
    why = report.reason or (most[0][0] if most else "")
    nothing = "failed: nothing was captured"
    return f"{nothing}: {_words(why, 120).rstrip('.')}" if why else nothing


def _grouped(report: HuntReport) -> list[str]:
    """A line for each system, and one for all that failed for the same reason and found nothing."""
    same: dict[str, list[CaptureResult]] = defaultdict(list)
    for capture in report.captures:
        if capture.state is CaptureState.FAILED and not (capture.malicious or capture.suspicious):
            same[capture.reason].append(capture)
    lines = []
    for capture in report.captures:
        group = same.get(capture.reason, [])
        if capture not in group or len(group) == 1:
            lines.append(_system_line(capture))
        elif capture is group[0]:
            lines.append(_failed_line(group))
    return lines


def _failed_line(group: list[CaptureResult]) -> str:
    ids = [_name(capture.system.instance, 40) for capture in group]
    more = len(ids) - MAX_SAME
    shown = ", ".join(ids[:MAX_SAME]) + (f" and {more:,} more" if more > 0 else "")
    reason = _words(group[0].reason, 150)
    return f"{_n(len(ids), 'system')} failed" + (f": {reason.rstrip('.')}" if reason else "") + f" ({shown})"


def _tally(report: HuntReport) -> str:
    unsettled = report.systems - report.captured - report.failed
    return _commas(
        f"{report.captured:,} captured",
        f"{report.failed:,} failed" if report.failed else "",
        f"{unsettled:,} unsettled" if unsettled > 0 else "",
        f"{report.with_alarms:,} with alarms" if report.with_alarms else "no alarms",
    )


def _digest(report: HuntReport) -> Iterator[Fact]:
    """How this hunt stands beside the one before, and beside the fleet."""
    if report.since:
        new = f"{_n(report.new_alarms, 'alarm')} on {_n(report.new_with, 'system')}"
        since = f"since the hunt of {_time(report.since)}"
        yield Fact("New", f"{new} {since}" if report.new_alarms else f"nothing {since}")
    if report.slowest:
        named = report.slowest.name or report.slowest.system.instance
        yield Fact("Slowest", f"{_name(named, 60)}, {_duration(report.slowest_seconds)}")
    if report.covered is not None and report.systems:
        share = 100 * report.covered // report.systems
        yield Fact(
            "Coverage",
            f"{report.covered:,} of {_n(report.systems, 'system')} ({share} %) captured in the last "
            f"{COVERAGE_DAYS} days",
        )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _system_line(capture: CaptureResult) -> str:
    system = capture.system
    counts = _commas(
        f"{capture.malicious:,} malicious" if capture.malicious else "",
        f"{capture.suspicious:,} suspicious" if capture.suspicious else "",
        f"{capture.new:,} of them new" if capture.new else "",
    )
    if not counts and capture.state is CaptureState.PROCESSED:
        counts = "no alarms"
    place = _commas(_name(system.account, 40), _name(system.region, 30))
    told = _commas(capture.state.value, counts)
    reason = _words(capture.reason, 150)
    name, instance = _name(capture.name, 60), _name(system.instance, 40)
    return f"{name} {instance} ({place}): {told}".lstrip() + (f". {reason}" if reason else "")


# Facts, most important first. Empty ones are left out by `compose`.


def _taken(taken: Acknowledgement | None) -> Iterator[Fact]:
    if taken:
        yield Fact("Taken by", _commas(_taker(taken), _time(taken.at)))


def _taker(taken: Acknowledgement) -> str:
    return _words(taken.by, 80) or "somebody"


def _fact(name: str, value: str, *, code: bool = False) -> Fact:
    return Fact(FACTS[name], value, code, name)


def _facts(alarm: Alarm, owner_tag: str) -> Iterator[Fact]:
    if alarm.event.kind in (ACKNOWLEDGED, HEARTBEAT):
        return  # whoever reads it has been told, or has nothing to be told
    report, hunt, capture = alarm.event.report, alarm.hunt, alarm.capture
    if report is None:
        yield from _system_facts(alarm, owner_tag)
        if hunt:
            yield _fact("hunt", f"{_name(hunt.name, 60)}, scheduled for {_time(hunt.scheduled_at)}")
    project_id = alarm.project.id if alarm.project else alarm.event.project_id
    if project_id is None and report:
        project_id = report.project_id
    name = _name(alarm.project.name, 80) if alarm.project else ""
    if project_id is not None:
        yield _fact("project", f"{name} (id {project_id})" if name else f"id {project_id}")
    if alarm.evidence:
        yield _fact("evidence", _evidence(alarm.evidence))
    elif alarm.event.evidence_id is not None:
        yield _fact("evidence", f"id {alarm.event.evidence_id}")
    if capture and capture.requested_at:
        yield _fact("captured", f"asked for at {_time(capture.requested_at)}")
    yield _fact("processed", _time(alarm.evidence.processed_at if alarm.evidence else None))
    yield _fact("received", _time(alarm.event.received_at))


def _system_facts(alarm: Alarm, owner_tag: str) -> Iterator[Fact]:
    instance, evidence, system = alarm.instance, alarm.evidence, system_of(alarm)
    host = _host(alarm)
    hostname = _name(evidence.hostname, 60) if evidence else ""
    yield _fact("host", f"{host} ({hostname})" if hostname and hostname != host else host)
    if system:
        yield _fact("instance", _name(system.instance, 40), code=True)
    account = _name(system.account, 40) if system else ""
    yield _fact("account", _with_id(account, _account_id(alarm)))
    yield _fact("region", _with_id(_region(alarm), _name(instance.zone, 30) if instance else ""))
    if instance:
        yield from _instance_facts(instance, owner_tag)


def _instance_facts(instance: Instance, owner_tag: str) -> Iterator[Fact]:
    yield _fact("type", _commas(_name(instance.type, 30), _name(instance.platform, 40)))
    yield _fact("state", _name(instance.state, 30))
    yield _fact("private_address", _name(instance.private_ip, 45), code=True)
    yield _fact("public_address", _name(instance.public_ip, 45), code=True)
    owner = next((value for key, value in instance.tags.items() if key.lower() == owner_tag.lower()), "")
    yield _fact("owner", _name(owner, 80))
    yield _fact("tags", _tags(instance, ("name", owner_tag.lower())))
    network = (_name(instance.vpc, 40), _name(instance.subnet, 40))
    yield _fact("network", " / ".join(filter(None, network)))
    yield _fact("security_groups", _security_groups(instance))
    yield _fact("iam_profile", _name(instance.iam_profile, 150), code=True)
    yield _fact("image", _name(instance.image, 80), code=True)
    yield _fact("launched", _time(instance.launched_at))


def _account_id(alarm: Alarm) -> str:
    known = (alarm.instance, alarm.evidence)
    return _name(next((one.account_id for one in known if one and one.account_id), ""), 20)


def _region(alarm: Alarm) -> str:
    system = system_of(alarm)
    return _name((system.region if system else "") or (alarm.instance.region if alarm.instance else ""), 30)


def _security_groups(instance: Instance) -> str:
    return one_line(_commas(*(_name(group, 80) for group in instance.security_groups)), 300)


def _tags(instance: Instance, without: tuple[str, ...]) -> str:
    shown = [
        f"{_name(key, 40)}={_name(value, 60)}"
        for key, value in sorted(instance.tags.items())
        if key.lower() not in without and not key.startswith("aws:")
    ]
    more = len(shown) - MAX_TAGS
    return _commas(*shown[:MAX_TAGS], f"and {more} more" if more > 0 else "")


def _values(alarm: Alarm, told: _Told, facts: Iterable[Fact], links: Iterable[Link]) -> dict[str, object]:
    """What the names of shared/config/templates.py stand for. None and empty: not known."""
    event, instance, evidence, hunt = alarm.event, alarm.instance, alarm.evidence, alarm.hunt
    system, project, capture = system_of(alarm), alarm.project, alarm.capture
    findings = worst_first(alarm.findings)
    techniques = dict.fromkeys(id for one in findings for id in one.attack if attack.is_id(id))
    urls = {link.name: link.url for link in links}
    named = {fact.name: fact.value for fact in facts}
    return {
        "title": one_line(told.title, MAX_TITLE),
        "summary": one_line(told.summary, MAX_SUMMARY),
        "severity": alarm.severity.value,
        "kind": _name(event.kind, 60),
        "event_id": _name(event.id, 200),
        "malicious": _malicious(alarm),
        "suspicious": _suspicious(alarm),
        "worst": _words(findings[0].description, 200) if findings else "",
        "techniques": _commas(*map(attack.titled, list(techniques)[:MAX_TECHNIQUES])),
        "history": named.get("history", ""),
        "host": _host(alarm),
        "instance": _name(system.instance, 40) if system else "",
        "type": _name(instance.type, 30) if instance else "",
        "platform": _name(instance.platform, 40) if instance else "",
        "state": _name(instance.state, 30) if instance else "",
        "account": _name(system.account, 40) if system else "",
        "account_id": _account_id(alarm),
        "region": _region(alarm),
        "zone": _name(instance.zone, 30) if instance else "",
        "private_address": _name(instance.private_ip, 45) if instance else "",
        "public_address": _name(instance.public_ip, 45) if instance else "",
        "vpc": _name(instance.vpc, 40) if instance else "",
        "subnet": _name(instance.subnet, 40) if instance else "",
        "security_groups": _security_groups(instance) if instance else "",
        "iam_profile": _name(instance.iam_profile, 150) if instance else "",
        "image": _name(instance.image, 80) if instance else "",
        "launched": _time(instance.launched_at) if instance else "",
        "owner": named.get("owner", ""),
        "tags": {key: _name(value, 256) for key, value in instance.tags.items()} if instance else {},
        "hunt": _name(hunt.name, 60) if hunt else "",
        "scheduled": _time(hunt.scheduled_at) if hunt else "",
        "project": _name(project.name, 80) if project else "",
        "project_id": project.id if project else event.project_id,
        "evidence": _name(evidence.name, 100) if evidence else "",
        "evidence_id": evidence.id if evidence else event.evidence_id,
        "captured": _time(capture.requested_at) if capture else "",
        "processed": _time(evidence.processed_at) if evidence else "",
        "received": _time(event.received_at),
        "link": urls.get("platform", ""),
        "console_link": urls.get("console", ""),
    }


def _evidence(evidence: Evidence) -> str:
    named = _with_id(_name(evidence.name, 100), f"id {evidence.id}")
    resource = _name(evidence.resource, 60)
    resource = " ".join(
        filter(None, (_name(evidence.resource_type, 30), "" if resource in named else resource))
    )
    return _commas(named, resource, _size(evidence.size_mb), _name(evidence.os, 60))


def _cleaned(finding: Finding) -> Finding:
    return replace(
        finding,
        description=_words(finding.description, 200) or "An alarm without a description",
        attack=tuple(filter(attack.is_id, finding.attack))[:MAX_ATTACK],
        path=_path(finding.path),
    )


def _labels(alarm: Alarm) -> tuple[str, ...]:
    report, system = alarm.event.report, system_of(alarm)
    named = (
        "huntbridge",
        alarm.severity.value,
        alarm.event.kind,
        report.hunt if report else alarm.hunt.name if alarm.hunt else "",
        system.instance if system else "",
    )
    safe = (re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")[:255] for name in named)
    return tuple(dict.fromkeys(filter(None, safe)))


# Links.

# By the form of a region's name; docs.aws.amazon.com/general/latest/gr/mgmt-console.html and its twins of the
# other partitions. The isolated ones have no console that could be reached from elsewhere.
_CONSOLES = (
    (re.compile(r"us-gov-[a-z]+-\d", re.ASCII), "console.amazonaws-us-gov.com"),
    (re.compile(r"cn-[a-z]+-\d", re.ASCII), "console.amazonaws.cn"),
    (re.compile(r"eusc-[a-z]{2}-[a-z]+-\d", re.ASCII), "console.amazonaws-eusc.eu"),
    (re.compile(r"[a-z]{2}-[a-z]+-\d", re.ASCII), "console.aws.amazon.com"),
)
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}([0-9a-f]{9})?", re.ASCII)


def _links(alarm: Alarm, case: Standing) -> Iterator[Link]:
    if alarm.link:
        yield Link("platform", "Open in the platform", alarm.link)
    system = system_of(alarm)
    if system and (url := console_url(system.instance, system.region)):
        yield Link("console", "Open in the EC2 console", url)
    if case.issue:
        key, url = case.issue
        yield Link("issue", f"Open {key} in Jira", url)


def _own_links(config: Config | None) -> Iterator[Link]:
    for number, link in enumerate(config.message.links if config else (), 1):
        yield Link(f"own_{number}", link.text, link.url)


def _lost_links(links: Iterable[Link]) -> Iterator[str]:
    """The links of the configuration that no destination can show."""
    for link in links:
        if link.name.startswith("own_") and len(link.url) > LONGEST_SLACK_LINK:
            text = f"it has {len(link.url):,} characters, and no destination takes more than"
            name = _name(link.text, 75)
            yield f"The link “{name}” of message.links is left out: {text} {LONGEST_SLACK_LINK:,}"


def console_url(instance: str, region: str) -> str:
    """The page of an instance in the console of its partition; empty where there is none, or where one of
    the two is not what it should be."""
    host = next((host for form, host in _CONSOLES if form.fullmatch(region)), "")
    if not host or not _INSTANCE_ID.fullmatch(instance):
        return ""
    return f"https://{region}.{host}/ec2/home?region={region}#InstanceDetails:instanceId={instance}"


# Text.


def _words(text: str, limit: int) -> str:
    """One line from outside, made harmless. Cleaned before links are looked for: an invisible character
    inside `http` would hide one."""
    return one_line(defang(clean(text, limit)), limit)


def _name(text: str, limit: int) -> str:
    """One line from outside that people copy: a host or an address keeps its dots, a link does not."""
    line = one_line(text, limit)
    return one_line(defang(line), limit) if "://" in line else line


def _path(text: str) -> str:
    """Of a long one the folders in the middle are left out: the name of the file tells the most."""
    path = _words(text, 2_000)
    end = re.search(r"[/\\].*", path[-MAX_PATH_END:])
    if len(path) <= MAX_PATH or end is None:
        return shorten(path, MAX_PATH)
    return shorten(path, MAX_PATH - len(end[0])) + end[0]


def _quote(text: str) -> str:
    return clean(defang(clean(text, MAX_QUOTE)), MAX_QUOTE).strip()


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def _size(megabytes: int | None) -> str:
    if not megabytes or megabytes > MAX_MEGABYTES:
        return ""
    return f"{megabytes / 1024:,.4g} GB" if megabytes >= 1024 else f"{megabytes} MB"


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _join(what: str, where: str) -> str:
    return f"{what} {where}".rstrip()


def _semicolons(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _commas(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _with_id(name: str, id: str) -> str:
    return f"{name} ({id})" if name and id else name or id


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
