"""The schema of the document that a `webhook` destination sends: the `data` of a CloudEvents event.

Other people's machines rely on this schema, so it is written down here and not derived from the models: keys
may be added, and no key changes its meaning. Every key is always there, and null or empty if nothing is
known. docs/alarm.schema.json publishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from receiver.destinations.webhook.described import Count, Id, Text, Time, doc
from receiver.destinations.webhook.report_schema import HitPart, ReportPart, SystemPart
from shared.models.captures import CaptureState
from shared.models.decisions import Action, Verdict
from shared.models.severity import Severity

SCHEMA = "urn:huntbridge:alarm:1"


@dataclass(eq=False, repr=False)
class FactPart:
    """One line about the machine or the hunt, as people are told it."""

    label: Annotated[str, doc("what it is, such as Owner")]
    value: Annotated[str, doc("such as shop-team@acme.example")]


@dataclass(eq=False, repr=False)
class MessagePart:
    """The alarm in words, as Slack, Teams and Jira show it. Links from outside are made inert."""

    title: Annotated[str, doc("one line: what, where, how bad")]
    summary: Annotated[str, doc("one or two sentences")]
    facts: Annotated[tuple[FactPart, ...], doc("most important first")]
    lines: Annotated[
        tuple[str, ...],
        doc("such as the systems of a finished hunt: first what was not hunted, then what is new"),
    ]
    quote: Annotated[str, doc("raw text from outside, such as why a capture failed")]
    footer: Annotated[str, doc("the configuration's own last line; empty where it has none")]
    gaps: Annotated[tuple[str, ...], doc("what could not be found out, and why")]
    labels: Annotated[tuple[str, ...], doc("lower case, without spaces: hunt, severity, kind, system")]


@dataclass(eq=False, repr=False)
class DetectionPart:
    """What a security product found, as the webhook names it."""

    name: Text
    severity: Annotated[Severity | None, doc("what `said` means here; null where that is not known")]
    said: Annotated[str, doc("its severity as it was written, such as high or 8.0")]
    resource: Annotated[str, doc("as it was written, such as an instance id or an ARN")]
    id: Text


@dataclass(eq=False, repr=False)
class EventPart:
    """What happened, as it was told: by the platform's webhook, or by huntbridge itself."""

    id: Annotated[str, doc("the same as the id of the CloudEvents event")]
    kind: Annotated[str, doc("the platform's name for the kind of event, or huntbridge's own")]
    received_at: Annotated[datetime, doc("UTC, by the clock of huntbridge")]
    title: Text
    text: Text
    project_id: Id
    evidence_id: Id
    malicious: Count
    suspicious: Count
    alarms: Annotated[
        int | None,
        doc("how many alarms, where the webhook does not name their class; null where it has no such count"),
    ]
    system: Annotated[SystemPart | None, doc("the system that it names")]
    hunt_id: Annotated[
        str | None, doc("the hunt that raised it, as name@scheduled time; null where no hunt did")
    ]
    report: Annotated[ReportPart | None, doc("only of hunt_finished")]
    note: Annotated[str, doc("what was wrong with the webhook's body; empty where nothing was")]
    instance: Annotated[str, doc("the EC2 instance id that the text names")]
    detection: Annotated[DetectionPart | None, doc("what a security product found; null where none did")]


@dataclass(eq=False, repr=False)
class HuntPart:
    """The hunt that captured the system."""

    name: Annotated[str, doc("name of the hunt's definition")]
    scheduled_at: Annotated[datetime, doc("the scheduled time, UTC")]
    mode: Annotated[str, doc("full, triage or scan")]


@dataclass(eq=False, repr=False)
class ProjectPart:
    """The project on the platform."""

    id: Annotated[int, doc("the platform's id")]
    name: Annotated[str, doc("its name there")]


@dataclass(eq=False, repr=False)
class EvidencePart:
    """What the platform made of a capture: one for each volume."""

    id: Annotated[int, doc("the platform's id")]
    name: Text
    hostname: Text
    os: Text
    size_mb: Annotated[int | None, doc("MiB; null where it is not known")]
    resource: Annotated[str, doc("what was captured, such as vol-080c44054f2073a7f")]
    resource_type: Annotated[str, doc("such as EBS")]
    instance: Annotated[str, doc("EC2 instance id")]
    account_id: Annotated[str, doc("twelve digits")]
    processed_at: Time


@dataclass(eq=False, repr=False)
class InstancePart:
    """What EC2 says about the instance, or the platform about another system. An empty value is not set
    there."""

    id: Annotated[str, doc("EC2 instance id, or the provider's own id of another system")]
    region: Annotated[str, doc("AWS region, zone of Google, or location of Azure")]
    name: Annotated[str, doc("its tag Name, or the name of another system")]
    type: Annotated[str, doc("such as m5.large")]
    state: Annotated[str, doc("such as running")]
    zone: Annotated[str, doc("availability zone")]
    account_id: Annotated[str, doc("twelve digits")]
    private_ip: Text
    public_ip: Text
    vpc: Text
    subnet: Text
    security_groups: Annotated[tuple[str, ...], doc("name (id)")]
    iam_profile: Annotated[str, doc("ARN of the instance profile")]
    image: Annotated[str, doc("id of the AMI, or the image of a container")]
    platform: Annotated[str, doc("such as Linux/UNIX or Windows")]
    launched_at: Time
    tags: Annotated[Mapping[str, str], doc("all tags or labels of the system")]
    disks: Annotated[tuple[str, ...], doc("names of its disks; empty for EC2")]
    disks_gib: Annotated[tuple[int, ...], doc("sizes of its disks in GB; empty for EC2")]


@dataclass(eq=False, repr=False)
class FindingPart:
    """A kind of alarm, and how often it was raised."""

    description: Annotated[str, doc("the platform's words for it")]
    count: Annotated[int, doc("how often it was raised")]
    severity: Annotated[Severity, doc("how bad it is")]
    attack: Annotated[tuple[str, ...], doc("ids of MITRE ATT&CK: techniques T1059.001, tactics TA0004")]
    attack_names: Annotated[tuple[str, ...], doc("their names, in the same order; empty where not known")]
    path: Annotated[
        str, doc("a file that it was raised for; the name comes from the captured disk and may be hostile")
    ]


@dataclass(eq=False, repr=False)
class GapPart:
    """Something that could not be found out."""

    what: Annotated[str, doc("such as Instance details")]
    why: Annotated[str, doc("such as access denied by EC2")]


@dataclass(eq=False, repr=False)
class EarlierPart:
    """What had been told of the same evidence before; 0 where no number was known."""

    event_id: Annotated[str, doc("id of that event")]
    severity: Annotated[Severity, doc("how bad it was")]
    malicious: Annotated[int, doc("number of malicious alarms")]
    suspicious: Annotated[int, doc("number of suspicious alarms")]
    total: Annotated[int, doc("number of alarms whose class was not named")]


@dataclass(eq=False, repr=False)
class TakenPart:
    """Who acknowledged the case."""

    by: Annotated[str, doc("a name, as Slack or the command line gave it")]
    at: Annotated[datetime, doc("UTC")]
    slack: Annotated[str, doc("the user's id in Slack; empty where it was not acknowledged there")]


@dataclass(eq=False, repr=False)
class ClosurePart:
    """How a case was closed."""

    verdict: Annotated[Verdict, doc("benign: real, but allowed; false_positive: not real")]
    by: Annotated[str, doc("a name, as the console or the command line gave it")]
    at: Annotated[datetime, doc("UTC")]
    why: Annotated[str, doc("the reason in words")]


@dataclass(eq=False, repr=False)
class DecisionPart:
    """What somebody decided about the case."""

    action: Annotated[Action, doc("release: given back, so that somebody else can take it")]
    by: Annotated[str, doc("a name; huntbridge where a new alarm reopened the case")]
    at: Annotated[datetime, doc("UTC")]
    slack: Annotated[str, doc("the user's id in Slack; empty where it was not decided there")]
    verdict: Annotated[Verdict | None, doc("only of close")]
    why: Annotated[str, doc("the reason in words; empty where none was given")]
    alarm: Annotated[str, doc("the id of the event that reopened the case; empty where a person did")]
    closed: Annotated[ClosurePart | None, doc("only of reopen: how it was closed before")]
    holder: Annotated[str, doc("only of release: who had taken the case")]


@dataclass(eq=False, repr=False)
class SentAgainPart:
    """Somebody had the event sent again."""

    event_id: Annotated[str, doc("the id of the event that was sent before")]
    by: Annotated[str, doc("a name, as the console or the command line gave it")]
    at: Annotated[datetime, doc("UTC")]


@dataclass(eq=False, repr=False)
class ChangePart:
    """How the alarm differs from those before it on the same system."""

    first_at: Annotated[datetime | None, doc("when its first alarm came, UTC; null: this is the first")]
    last_at: Annotated[datetime | None, doc("when the alarm before this came, UTC")]
    new: Annotated[int, doc("how many kinds of alarm are new: no earlier alarm had them")]
    new_kinds: Annotated[tuple[str, ...], doc("the descriptions of the new kinds, worst first, at most 20")]
    kinds: Annotated[int, doc("how many kinds this alarm has, new or not; 0 where they are not known")]
    hunts: Annotated[int, doc("how many hunts captured it before this one; at most the last three count")]
    with_alarms: Annotated[int, doc("in how many of these hunts it had alarms")]


@dataclass(eq=False, repr=False)
class GroupedPart:
    """One of several alarms about one system that the document tells of."""

    event_id: Annotated[str, doc("huntbridge's id of the event")]
    severity: Annotated[Severity, doc("how bad it is")]
    malicious: Count
    suspicious: Count
    alarms: Annotated[int | None, doc("as the webhook counts them, where nothing else is known")]
    evidence_id: Id
    evidence: Annotated[str, doc("its name, such as that of a volume; empty where it is not known")]


@dataclass(eq=False, repr=False)
class AlarmPart:
    """The alarm as values. Texts are as they came, without characters that nobody can see; never markup."""

    event: Annotated[EventPart, doc("what happened")]
    severity: Annotated[Severity, doc("how bad it is")]
    malicious: Count
    suspicious: Count
    hunt: Annotated[HuntPart | None, doc("null where it is of no hunt, or not known")]
    capture: Annotated[CaptureState | None, doc("state of the capture; null where it is not known")]
    project: Annotated[ProjectPart | None, doc("null where it is not known")]
    evidence: Annotated[EvidencePart | None, doc("null where it is not known")]
    system: Annotated[SystemPart | None, doc("null where it is not known")]
    instance: Annotated[InstancePart | None, doc("null where it is not known")]
    findings: Annotated[tuple[FindingPart, ...], doc("worst first")]
    hits: Annotated[tuple[HitPart, ...], doc("own rules and indicators that no finding names")]
    gaps: Annotated[tuple[GapPart, ...], doc("what could not be found out")]
    earlier: Annotated[EarlierPart | None, doc("where this alarm updates one that was told before")]
    taken: Annotated[TakenPart | None, doc("only of acknowledged")]
    decision: Annotated[DecisionPart | None, doc("only of acknowledged, released, closed and reopened")]
    reopens: Annotated[ClosurePart | None, doc("how the case was closed that this alarm reopened")]
    sent_again: Annotated[SentAgainPart | None, doc("where a person had it sent again")]
    change: Annotated[ChangePart | None, doc("against its alarms before; null where the system is not known")]
    disagreements: Annotated[
        tuple[str, ...], doc("where the webhook says something else than the platform, in words")
    ]
    group: Annotated[
        tuple[GroupedPart, ...],
        doc("the alarms that it is made of, where several about one system share the document; else empty"),
    ]
    may_repeat: Annotated[bool, doc("the platform did not confirm that this is news")]


@dataclass(eq=False, repr=False)
class LeftOut:
    """What was dropped, so that the document is at most 64 KiB."""

    what: Annotated[str, doc("the key, such as alarm.findings")]
    kept: Annotated[int, doc("how many are there: entries, or characters of a text")]
    of: Annotated[int, doc("how many there were")]


@dataclass(eq=False, repr=False)
class AlarmData:
    """The `data` of the CloudEvents event."""

    severity: Annotated[Severity, doc("how bad it is")]
    kind: Annotated[str, doc("kind of event, such as processing_with_alarms")]
    case: Annotated[str, doc("the same for all alarms about one system in one project; empty for a test")]
    maybe_repeat: Annotated[bool, doc("the same message may have arrived before")]
    link: Annotated[str | None, doc("into the platform")]
    console_link: Annotated[str | None, doc("to the system in the console of its cloud provider")]
    issue_link: Annotated[str | None, doc("to the case's issue in Jira, where it is known to have one")]
    message: Annotated[MessagePart, doc("the alarm in words")]
    alarm: Annotated[AlarmPart | None, doc("the alarm as values; null in a digest, which tells of many")]
    left_out: Annotated[tuple[LeftOut, ...], doc("what was dropped for its size; empty where all is there")]


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a title that repeats the key tells nobody anything


def schema() -> dict[str, Any]:
    """The JSON Schema of `data`: what docs/alarm.schema.json publishes."""
    generated = TypeAdapter(AlarmData).json_schema(mode="serialization", schema_generator=_Schema)
    description = "The data of an alarm that huntbridge sends to a webhook destination."
    return {"$schema": _Schema.schema_dialect, "$id": SCHEMA, "description": description, **generated}
