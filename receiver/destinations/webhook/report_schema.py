"""The part of the published schema that says what a hunt came to, with its systems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from receiver.destinations.webhook.described import Id, doc
from shared.models.captures import CaptureState
from shared.models.hunts import COVERAGE_DAYS
from shared.models.intelligence import Force


@dataclass(eq=False, repr=False)
class SystemPart:
    """One EC2 instance as huntbridge captures it."""

    instance: Annotated[str, doc("EC2 instance id")]
    region: Annotated[str, doc("AWS region; empty where it is not known")]
    account: Annotated[str, doc("the account's name in the configuration; empty for the platform's own")]


@dataclass(eq=False, repr=False)
class CaptureLine:
    """What became of one system in a hunt."""

    system: Annotated[SystemPart, doc("which system")]
    name: Annotated[str, doc("its tag Name, where an earlier alarm found it out")]
    state: Annotated[CaptureState, doc("what became of its capture")]
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
