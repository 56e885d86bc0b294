"""The part of the published schema that says what a hunt came to, with its systems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from receiver.destinations.webhook.described import Id, doc
from shared.models.captures import CaptureState
from shared.models.hunts import COVERAGE_DAYS
from shared.models.intelligence import Force
from shared.models.systems import Kind


@dataclass(eq=False, repr=False)
class SystemPart:
    """One system as huntbridge captures it."""

    instance: Annotated[str, doc("EC2 instance id; for other kinds kind:part/part/…, percent-encoded")]
    region: Annotated[str, doc("AWS region, or zone of Google; empty where it is not known")]
    account: Annotated[str, doc("the account's name in the configuration; empty for the platform's own")]
    kind: Annotated[Kind, doc("kind of system, such as ec2 or azure_vm")]
    name: Annotated[str, doc("what it is called in its place; for EC2 its id")]
    place: Annotated[str, doc("where it is, in words, such as a cluster and a namespace")]


@dataclass(eq=False, repr=False)
class CaptureLine:
    """The outcome of one system in a hunt."""

    system: Annotated[SystemPart, doc("which system")]
    name: Annotated[str, doc("its tag Name, where an earlier alarm found it out")]
    state: Annotated[CaptureState, doc("the outcome of its capture")]
    malicious: Annotated[int, doc("number of malicious alarms")]
    suspicious: Annotated[int, doc("number of suspicious alarms")]
    reason: Annotated[str, doc("why it failed, or why it is unknown")]
    new: Annotated[int, doc("how many alarms more than in the hunt before; 0 where that had no such system")]
    disks: Annotated[int, doc("whose alarms the counts add up; 0 where it is not known")]


@dataclass(eq=False, repr=False)
class QuietPart:
    """What people were not told of in a hunt."""

    known: Annotated[int, doc("how many findings are known good")]
    muted: Annotated[int, doc("how many findings are muted")]
    still: Annotated[int, doc("how many findings of open cases were told before")]
    systems: Annotated[int, doc("how many systems had findings that are known good or muted")]
    first: Annotated[
        tuple[str, ...],
        doc("what an entry for several systems withheld on systems that never had it: at most 50"),
    ]
    first_total: Annotated[int, doc("how many of those there are")]


@dataclass(eq=False, repr=False)
class InForcePart:
    """Which of the operator's own rules and indicators were in force when the hunt began."""

    state: Annotated[Force, doc("whether all of them were")]
    hash: Annotated[str, doc("SHA-256 of the rules and indicators that were; empty where none was")]
    rules: Annotated[int, doc("how many YARA rules")]
    indicators: Annotated[int, doc("how many indicators")]
    feeds: Annotated[tuple[str, ...], doc("the files that they are from")]
    problems: Annotated[tuple[str, ...], doc("why something was not in force")]


@dataclass(eq=False, repr=False)
class HitPart:
    """A rule or an indicator of the operator's own that an alarm is about."""

    feed: Annotated[str, doc("the file that it is from; empty where it is not known")]
    named: Annotated[str, doc("the name of the rule, or the value of the indicator")]
    type: Annotated[str, doc("rule or indicator")]
    description: Annotated[str, doc("what was written beside the indicator")]


@dataclass(eq=False, repr=False)
class CostItemPart:
    """One part of a cost, in US dollars."""

    what: Annotated[str, doc("what is paid for")]
    low: Annotated[float, doc("at least")]
    likely: Annotated[float, doc("most likely")]
    high: Annotated[float, doc("at most")]


@dataclass(eq=False, repr=False)
class CostPart:
    """The parts of a hunt's cost, and what they were computed from."""

    items: Annotated[tuple[CostItemPart, ...], doc("empty where it is not known")]
    as_of: Annotated[str, doc("the dates of the prices")]
    own_prices: Annotated[tuple[str, ...], doc("ids of the prices that the configuration gives")]
    assumptions: Annotated[tuple[str, ...], doc("what was assumed, in words")]
    not_counted: Annotated[tuple[str, ...], doc("what the sum does not hold, and why")]
    systems: Annotated[int, doc("how many systems")]
    copied: Annotated[int, doc("how many of them have their disks copied")]
    gib: Annotated[float, doc("sizes of these disks")]
    worker_seconds: Annotated[float, doc("how long the platform's workers are busy")]


@dataclass(eq=False, repr=False)
class VulnerabilitiesPart:
    """The vulnerabilities that the platform found in the packages of the systems."""

    critical: Annotated[int, doc("how many are critical")]
    high: Annotated[int, doc("how many are high")]
    in_use: Annotated[int, doc("how many of both are in packages that are in use")]
    systems: Annotated[int, doc("how many systems have any")]
    new: Annotated[int | None, doc("how many the hunt before did not find; null where it is not known")]
    since: Annotated[datetime | None, doc("scheduled time of that hunt, UTC")]
    complete: Annotated[bool, doc("false where the platform has more of them than were read")]


@dataclass(eq=False, repr=False)
class ReportPart:
    """What a hunt came to. The totals are of all systems."""

    hunt: Annotated[str, doc("name of the hunt")]
    scheduled_at: Annotated[datetime, doc("the scheduled time, UTC")]
    project_id: Id
    systems: Annotated[int, doc("how many systems")]
    captured: Annotated[int, doc("how many of them were captured and processed")]
    failed: Annotated[int, doc("how many of them were not")]
    with_alarms: Annotated[int, doc("how many of them have alarms")]
    captures: Annotated[tuple[CaptureLine, ...], doc("worst first, at most 200")]
    problems: Annotated[tuple[str, ...], doc("parts of the hunt's definition that could not be used")]
    reason: Annotated[str, doc("why the hunt as a whole failed; empty where it did not")]
    left_out: Annotated[tuple[str, ...], doc("systems that were found and not captured: how many, and why")]
    since: Annotated[
        datetime | None,
        doc("scheduled time of the last finished hunt of this name, UTC; null before there is one"),
    ]
    new_alarms: Annotated[int, doc("how many alarms more than in that hunt, of all systems")]
    new_with: Annotated[int, doc("how many systems have new alarms")]
    slowest: Annotated[
        CaptureLine | None, doc("the capture that took longest; null where none was processed")
    ]
    slowest_seconds: Annotated[float, doc("from its request to its end")]
    covered: Annotated[
        int | None,
        doc(f"how many of the systems were captured in the last {COVERAGE_DAYS} days; null: not known"),
    ]
    stopped: Annotated[bool, doc("whether somebody stopped the hunt before its end")]
    quiet: Annotated[QuietPart, doc("what people were not told of")]
    intelligence: Annotated[InForcePart | None, doc("null where it takes none along")]
    cost: Annotated[CostPart | None, doc("as it was estimated before the hunt; null where it was not")]
    came_to: Annotated[CostPart | None, doc("by what the hunt took; null where it was not estimated")]
    vulnerabilities: Annotated[VulnerabilitiesPart | None, doc("null where the platform does not say")]
