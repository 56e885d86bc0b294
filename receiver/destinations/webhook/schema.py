"""A message and its alarm → the document that a `webhook` destination sends: a CloudEvents 1.0 envelope whose
`data` is described by docs/alarm.schema.json.

This shape is a promise to other people's machines, so it is written down here and not taken from the models:
keys may be added, none may change its meaning. Every key is always there, and null or empty where nothing is
known. It sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from receiver.destinations.wording import safe_links
from receiver.messages import attack
from receiver.messages.counts import worst_first
from receiver.messages.message import Message
from shared.http.urls import host_of
from shared.models.alarms import Alarm
from shared.models.captures import CaptureState
from shared.models.codec import dump, load
from shared.models.hunts import COVERAGE_DAYS
from shared.models.severity import Severity
from shared.text import clean, one_line, shorten

SCHEMA = "urn:huntbridge:alarm:1"
TYPE = "huntbridge.alarm"
# The size of an event that every CloudEvents intermediary must forward: CloudEvents 1.0.2, "Size Limits".
MAX_BYTES = 65_536

# Characters, per key; all other texts of the alarm are names.
_MAX_NAME = 200
_LIMITS = {
    "text": 4_000,
    "path": 1_000,
    "description": 500,
    "reason": 500,
    "why": 500,
    "note": 500,
    "title": 300,
}
_MAX_TAG = 256
# What is dropped where all would be too long, in this order, each from its end, down to this many.
_ORDER = (
    ("alarm.event.report.captures", 0),
    ("alarm.findings", 0),
    ("alarm.change.new_kinds", 0),
    ("alarm.instance.tags", 0),
    ("alarm.instance.security_groups", 0),
    ("message.lines", 0),
    ("message.quote", 0),
    ("alarm.gaps", 0),
    ("alarm.event.report.problems", 0),
    ("alarm.event.report.left_out", 0),
    ("message.facts", 3),
    ("message.gaps", 0),
    ("alarm.event.text", 0),
)


def _says(text: str) -> Any:
    return Field(description=text)


_Text = Annotated[str, _says("empty where it is not known")]
_Id = Annotated[int | None, _says("the platform's id; null where it is not known")]
_Count = Annotated[int | None, _says("null where it is not known, which is not 0")]
_Time = Annotated[datetime | None, _says("UTC; null where it is not known")]


@dataclass(frozen=True)
class FactPart:
    """One line about the machine or the hunt, as people are told it."""

    label: Annotated[str, _says("what it is, such as Owner")]
    value: Annotated[str, _says("such as shop-team@acme.example")]


@dataclass(frozen=True)
class MessagePart:
    """The alarm in words, as Slack, Teams and Jira show it. Links from outside are made inert."""

    title: Annotated[str, _says("one line: what, where, how bad")]
    summary: Annotated[str, _says("one or two sentences")]
    facts: Annotated[tuple[FactPart, ...], _says("most important first")]
    lines: Annotated[tuple[str, ...], _says("the systems of a finished hunt, worst first")]
    quote: Annotated[str, _says("raw text from outside, such as why a capture failed")]
    footer: Annotated[str, _says("the configuration's own last line; empty where it has none")]
    gaps: Annotated[tuple[str, ...], _says("what could not be found out, and why")]
    labels: Annotated[tuple[str, ...], _says("lower case, without spaces: hunt, severity, kind, system")]


@dataclass(frozen=True)
class SystemPart:
    """One EC2 instance as huntbridge captures it."""

    instance: Annotated[str, _says("EC2 instance id")]
    region: Annotated[str, _says("AWS region; empty where it is not known")]
    account: Annotated[str, _says("the account's name in the configuration; empty for the platform's own")]


@dataclass(frozen=True)
class CaptureLine:
    """What became of one system in a hunt."""

    system: Annotated[SystemPart, _says("which system")]
    name: Annotated[str, _says("its tag Name, where an earlier alarm found it out")]
    state: Annotated[CaptureState, _says("what became of its capture")]
    malicious: Annotated[int, _says("number of malicious alarms")]
    suspicious: Annotated[int, _says("number of suspicious alarms")]
    reason: Annotated[str, _says("why it failed, or why it is unknown")]
    new: Annotated[
        int, _says("how many alarms more than in the hunt before; 0 where that had no such system")
    ]


@dataclass(frozen=True)
class ReportPart:
    """What a hunt came to. The totals are of all systems."""

    hunt: Annotated[str, _says("name of the hunt")]
    scheduled_at: Annotated[datetime, _says("the scheduled time, UTC")]
    project_id: _Id
    systems: Annotated[int, _says("how many systems")]
    captured: Annotated[int, _says("how many were captured and processed")]
    failed: Annotated[int, _says("how many were not")]
    with_alarms: Annotated[int, _says("how many have alarms")]
    captures: Annotated[tuple[CaptureLine, ...], _says("worst first, at most 200")]
    problems: Annotated[tuple[str, ...], _says("parts of the hunt's definition that could not be used")]
    reason: Annotated[str, _says("why the hunt as a whole failed; empty where it did not")]
    left_out: Annotated[
        tuple[str, ...], _says("which of the systems that were found were not captured, counted, and why")
    ]
    since: Annotated[
        datetime | None,
        _says("scheduled time of the last finished hunt of this name, UTC; null before there is one"),
    ]
    new_alarms: Annotated[int, _says("how many alarms more than in that hunt, of all systems")]
    new_with: Annotated[int, _says("how many systems have them")]
    slowest: Annotated[
        CaptureLine | None, _says("the capture that took longest; null where none was processed")
    ]
    slowest_seconds: Annotated[float, _says("from its request to its end")]
    covered: Annotated[
        int | None,
        _says(f"how many of the systems were captured in the last {COVERAGE_DAYS} days; null: not known"),
    ]
    stopped: Annotated[bool, _says("somebody stopped the hunt before its end")]


@dataclass(frozen=True)
class DetectionPart:
    """What a security product found, as the webhook names it."""

    name: _Text
    severity: Annotated[Severity | None, _says("what `said` means here; null where that is not known")]
    said: Annotated[str, _says("its severity as it was written, such as high or 8.0")]
    resource: Annotated[str, _says("as it was written, such as an instance id or an ARN")]
    id: _Text


@dataclass(frozen=True)
class EventPart:
    """What happened, as it was told: by the platform's webhook, or by huntbridge itself."""

    id: Annotated[str, _says("the same as the envelope's id")]
    kind: Annotated[str, _says("the platform's own name for it, or one of huntbridge's")]
    received_at: Annotated[datetime, _says("UTC, by the clock of huntbridge")]
    title: _Text
    text: _Text
    project_id: _Id
    evidence_id: _Id
    malicious: _Count
    suspicious: _Count
    alarms: Annotated[
        int | None, _says("a count of alarms whose class was not named; null where there is none")
    ]
    system: Annotated[SystemPart | None, _says("the system that it names")]
    hunt_id: Annotated[str | None, _says("the hunt that raised it: name@scheduled time")]
    report: Annotated[ReportPart | None, _says("only of hunt_finished")]
    note: Annotated[str, _says("what was wrong with the webhook's body, where something was")]
    instance: Annotated[str, _says("the EC2 instance id that the text names")]
    detection: Annotated[DetectionPart | None, _says("what a security product found; null where none did")]


@dataclass(frozen=True)
class HuntPart:
    """The hunt that captured the system."""

    name: Annotated[str, _says("name of the hunt's definition")]
    scheduled_at: Annotated[datetime, _says("the scheduled time, UTC")]
    mode: Annotated[str, _says("full, triage or scan")]


@dataclass(frozen=True)
class ProjectPart:
    """The project on the platform."""

    id: Annotated[int, _says("the platform's id")]
    name: Annotated[str, _says("its name there")]


@dataclass(frozen=True)
class EvidencePart:
    """What the platform made of a capture: one for each volume."""

    id: Annotated[int, _says("the platform's id")]
    name: _Text
    hostname: _Text
    os: _Text
    size_mb: Annotated[int | None, _says("MiB; null where it is not known")]
    resource: Annotated[str, _says("what was captured, such as vol-080c44054f2073a7f")]
    resource_type: Annotated[str, _says("such as EBS")]
    instance: Annotated[str, _says("EC2 instance id")]
    account_id: Annotated[str, _says("twelve digits")]
    processed_at: _Time


@dataclass(frozen=True)
class InstancePart:
    """What EC2 says about the instance. An empty value is not set there."""

    id: Annotated[str, _says("EC2 instance id")]
    region: Annotated[str, _says("AWS region")]
    name: Annotated[str, _says("its tag Name")]
    type: Annotated[str, _says("such as m5.large")]
    state: Annotated[str, _says("such as running")]
    zone: Annotated[str, _says("availability zone")]
    account_id: Annotated[str, _says("twelve digits")]
    private_ip: _Text
    public_ip: _Text
    vpc: _Text
    subnet: _Text
    security_groups: Annotated[tuple[str, ...], _says("name (id)")]
    iam_profile: Annotated[str, _says("ARN of the instance profile")]
    image: Annotated[str, _says("id of the AMI")]
    platform: Annotated[str, _says("such as Linux/UNIX or Windows")]
    launched_at: _Time
    tags: Annotated[Mapping[str, str], _says("all tags of the instance")]


@dataclass(frozen=True)
class FindingPart:
    """A kind of alarm, and how often it was raised."""

    description: Annotated[str, _says("the platform's words for it")]
    count: Annotated[int, _says("how often it was raised")]
    severity: Annotated[Severity, _says("how bad it is")]
    attack: Annotated[tuple[str, ...], _says("ids of MITRE ATT&CK: techniques T1059.001, tactics TA0004")]
    attack_names: Annotated[tuple[str, ...], _says("their names, in the same order; empty where not known")]
    path: Annotated[str, _says("a file that it was raised for; written by whoever wrote the disk")]


@dataclass(frozen=True)
class GapPart:
    """Something that could not be found out."""

    what: Annotated[str, _says("such as Instance details")]
    why: Annotated[str, _says("such as access denied by EC2")]


@dataclass(frozen=True)
class EarlierPart:
    """What had been told of the same evidence before; 0 where no number was known."""

    event_id: Annotated[str, _says("id of that event")]
    severity: Annotated[Severity, _says("how bad it was")]
    malicious: Annotated[int, _says("number of malicious alarms")]
    suspicious: Annotated[int, _says("number of suspicious alarms")]
    total: Annotated[int, _says("number of alarms whose class was not named")]


@dataclass(frozen=True)
class TakenPart:
    """Who has taken the case."""

    by: Annotated[str, _says("a name, as Slack or the command line gave it")]
    at: Annotated[datetime, _says("UTC")]
    slack: Annotated[str, _says("the user's id in Slack; empty where it was not taken there")]


@dataclass(frozen=True)
class ChangePart:
    """How the alarm differs from those before it on the same system."""

    first_at: Annotated[datetime | None, _says("when its first alarm came, UTC; null: this is the first")]
    last_at: Annotated[datetime | None, _says("when the one before this came, UTC")]
    new: Annotated[int, _says("how many kinds of alarm it has that none before it had")]
    new_kinds: Annotated[tuple[str, ...], _says("the descriptions of those, worst first, at most 20")]
    kinds: Annotated[int, _says("how many kinds this alarm has, new or not; 0 where they are not known")]
    hunts: Annotated[int, _says("how many hunts captured it before this one; at most the last three count")]
    with_alarms: Annotated[int, _says("in how many of those it had alarms")]


@dataclass(frozen=True)
class AlarmPart:
    """The alarm as values. Texts are as they came, without characters that nobody can see; never markup."""

    event: Annotated[EventPart, _says("what happened")]
    severity: Annotated[Severity, _says("how bad it is")]
    malicious: _Count
    suspicious: _Count
    hunt: Annotated[HuntPart | None, _says("null where it is of no hunt, or not known")]
    capture: Annotated[CaptureState | None, _says("state of the capture; null where it is not known")]
    project: Annotated[ProjectPart | None, _says("null where it is not known")]
    evidence: Annotated[EvidencePart | None, _says("null where it is not known")]
    system: Annotated[SystemPart | None, _says("null where it is not known")]
    instance: Annotated[InstancePart | None, _says("null where it is not known")]
    findings: Annotated[tuple[FindingPart, ...], _says("worst first")]
    gaps: Annotated[tuple[GapPart, ...], _says("what could not be found out")]
    earlier: Annotated[EarlierPart | None, _says("where this alarm updates one that was told before")]
    taken: Annotated[TakenPart | None, _says("only of acknowledged")]
    change: Annotated[
        ChangePart | None, _says("against its alarms before; null where the system is not known")
    ]
    disagreements: Annotated[
        tuple[str, ...], _says("where the webhook says something else than the platform, in words")
    ]
    may_repeat: Annotated[bool, _says("the platform did not confirm that this is news")]


@dataclass(frozen=True)
class LeftOut:
    """What was dropped, so that the document is at most 64 KiB."""

    what: Annotated[str, _says("the key, such as alarm.findings")]
    kept: Annotated[int, _says("how many are there: entries, or characters of a text")]
    of: Annotated[int, _says("how many there were")]


@dataclass(frozen=True)
class AlarmData:
    """The `data` of the envelope."""

    severity: Annotated[Severity, _says("how bad it is")]
    kind: Annotated[str, _says("kind of event, such as processing_with_alarms")]
    case: Annotated[str, _says("the same for all alarms about one system in one project; empty for a test")]
    maybe_repeat: Annotated[bool, _says("an earlier attempt got no answer, and may have arrived")]
    link: Annotated[str | None, _says("into the platform")]
    console_link: Annotated[str | None, _says("to the instance in the EC2 console of its partition")]
    issue_link: Annotated[str | None, _says("to the case's issue in Jira, where it is known to have one")]
    message: Annotated[MessagePart, _says("the alarm in words")]
    alarm: Annotated[AlarmPart | None, _says("the alarm as values; null in a digest, which tells of many")]
    left_out: Annotated[tuple[LeftOut, ...], _says("what was dropped for its size; empty where all is there")]


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a title that repeats the key tells nobody anything


def schema() -> dict[str, Any]:
    """The JSON Schema of `data`: what docs/alarm.schema.json publishes."""
    found = TypeAdapter(AlarmData).json_schema(mode="serialization", schema_generator=_Schema)
    says = "The data of an alarm that huntbridge sends to a webhook destination."
    return {"$schema": _Schema.schema_dialect, "$id": SCHEMA, "description": says, **found}


def payload(message: Message, limit: int = MAX_BYTES) -> bytes:
    """The envelope in UTF-8, at most `limit` bytes long."""
    whole = envelope(message)
    for path, least in _ORDER:
        if _fits(whole, limit):
            break
        _drop(whole, path, least, limit)
    return _serialized(whole)


def envelope(message: Message) -> dict[str, Any]:
    """All of the message, whatever its size. CloudEvents wants `id` and `source` together to be unique, and
    what is sent again keeps both."""
    links = {link.name: link.url for link in safe_links(message)}
    platform = links.get("platform")
    found = {
        "specversion": "1.0",
        "id": message.id or "unknown",
        "source": host_of(platform) if platform else "/huntbridge",
        "type": f"{TYPE}.{_word(message.kind)}",
        "subject": one_line(message.case_key, 300),
        "time": dump(message.alarm)["event"]["received_at"] if message.alarm else None,
        "datacontenttype": "application/json",
        "dataschema": SCHEMA,
    }
    data = AlarmData(
        severity=message.severity,
        kind=message.kind,
        case=one_line(message.case_key, 300),
        maybe_repeat=message.maybe_repeat,
        link=platform,
        console_link=links.get("console"),
        issue_link=links.get("issue"),
        message=MessagePart(
            title=message.title,
            summary=message.summary,
            facts=tuple(FactPart(fact.label, fact.value) for fact in message.facts),
            lines=message.lines,
            quote=message.quote,
            footer=message.footer,
            gaps=message.gaps,
            labels=message.labels,
        ),
        alarm=_alarm(message.alarm) if message.alarm else None,
        left_out=(),
    )
    return {**{key: value for key, value in found.items() if value}, "data": dump(data)}


def _alarm(alarm: Alarm) -> AlarmPart:
    """The published part of what the models hold."""
    found = _cleaned(dump(replace(alarm, findings=tuple(worst_first(alarm.findings)))))
    for finding in found["findings"]:
        finding["attack_names"] = [attack.name(id) for id in finding["attack"]]
    if alarm.capture:
        found["capture"] = alarm.capture.state.value
    return load(AlarmPart, found)


def _cleaned(value: Any, limit: int = _MAX_NAME) -> Any:
    if isinstance(value, str):
        return clean(value, limit)
    if isinstance(value, list):
        return [_cleaned(one, limit) for one in value]
    if isinstance(value, dict):
        return {
            key: _tags(one) if key == "tags" else _cleaned(one, _LIMITS.get(key, _MAX_NAME))
            for key, one in value.items()
        }
    return value


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {clean(key, _MAX_TAG): clean(value, _MAX_TAG) for key, value in tags.items()}


def _word(kind: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in kind.lower()) or "unknown"


# Size


def _drop(whole: dict[str, Any], path: str, least: int, limit: int) -> None:
    """Keep the most of what stands at `path` with which the whole fits; the least where nothing does."""
    *steps, key = path.split(".")
    holder: Any = whole["data"]
    for step in steps:
        holder = holder and holder[step]
    if not holder or len(holder[key]) <= least:
        return
    full, left_out = holder[key], whole["data"]["left_out"]
    note = {"what": path, "kept": least, "of": len(full)}
    left_out.append(note)

    def keep(count: int) -> bool:
        holder[key], note["kept"] = _first(full, count), count
        return _fits(whole, limit)

    low, high = least, len(full)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keep(middle) else (low, middle)
    keep(low)


def _first(full: Any, count: int) -> Any:
    if isinstance(full, str):
        return shorten(full, count)
    return dict(list(full.items())[:count]) if isinstance(full, dict) else full[:count]


def _fits(whole: Mapping[str, Any], limit: int) -> bool:
    return len(_serialized(whole)) <= limit


def _serialized(whole: Mapping[str, Any]) -> bytes:
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
