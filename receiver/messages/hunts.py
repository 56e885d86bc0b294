"""What a message says about a hunt: its report, a missed run, and captures that failed or stall."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from receiver.messages.content import Content, platform_sentence, quote_unless_sentence
from receiver.messages.message import MAX_LINES, Fact, Line, Place
from receiver.messages.safe_text import copyable, harmless_line, quoted_text
from receiver.messages.subject import titled, where
from receiver.messages.wording import capitalised, commas, joined
from shared.models.alarms import Alarm
from shared.models.captures import CaptureState
from shared.models.cost import compared
from shared.models.hunts import COVERAGE_DAYS, CaptureResult, HuntReport, hunt_name, hunt_time
from shared.models.quiet_findings import Quiet
from shared.models.systems import Kind, System
from shared.models.vulnerabilities import FoundVulnerabilities
from shared.phrases import counted, duration, percent, utc_minute

MAX_SAME = 10  # systems that one line names
NOT_HUNTED = "Not hunted"
MAX_LEFT_OUT = 600  # characters of a reason and the systems that it left out


def hunt_finished(alarm: Alarm) -> Content:
    report = alarm.event.report
    if report is None:
        return Content(
            title="Hunt finished", summary=platform_sentence(alarm), quote=quote_unless_sentence(alarm)
        )
    name = copyable(report.hunt, 60)
    lines = list(_lines(report))
    return Content(
        title=f"Hunt {name} {_ended(report)}",
        summary=f"{counted(report.systems, 'system')}, scheduled for {utc_minute(report.scheduled_at)}.",
        quote=quoted_text(report.reason),
        facts=(
            *_report_facts(report),
            *_quiet_facts(report.quiet),
            *_intelligence_facts(report),
            *_vulnerability_facts(report.vulnerabilities),
            *_cost_facts(report),
            Fact("Hunt", name, place=Place.REST),
            Fact("Scheduled", utc_minute(report.scheduled_at), place=Place.REST),
        ),
        lines=_within(lines, MAX_LINES),
        lines_total=sum(line.systems for line in lines) + max(0, report.systems - len(report.captures)),
    )


def hunt_missed(alarm: Alarm) -> Content:
    hunt_id = alarm.event.hunt_id or ""
    name, due = copyable(hunt_name(hunt_id), 60), hunt_time(hunt_id)
    return Content(
        title=f"Hunt {name} did not run" if name else "A hunt did not run",
        summary="None of its systems was captured in this run, so nothing was searched for threats.",
        quote=quoted_text(alarm.event.text),
        facts=() if alarm.hunt else (Fact("Hunt", name), Fact("Due", copyable(due, 40))),
    )


def capture_failed(alarm: Alarm) -> Content:
    reason = (alarm.capture.reason if alarm.capture else "") or alarm.event.text
    return Content(
        title=joined("Capture failed", where(alarm)),
        summary="This system was not captured, so this hunt says nothing about it.",
        quote=quoted_text(reason),
    )


def capture_stalled(alarm: Alarm) -> Content:
    return Content(
        title=joined("Capture stands still", where(alarm)),
        summary="It goes on by itself if the platform does. You get this message once.",
        quote=quoted_text(alarm.event.text),
    )


def _ended(report: HuntReport) -> str:
    """How the hunt ended, for the title. A hunt that captured nothing is not called finished."""
    if report.stopped:
        return f"was stopped: {_tally(report)}"
    if report.captured or not (report.systems or report.reason):
        return f"finished: {_tally(report)}"
    failed = [capture.reason for capture in report.captures if capture.state is CaptureState.FAILED]
    most = Counter(filter(None, failed)).most_common(1)
    why = report.reason or (most[0][0] if most else "")
    nothing = "failed: nothing was captured"
    return f"{nothing}: {harmless_line(why, 120).rstrip('.')}" if why else nothing


def _tally(report: HuntReport) -> str:
    unsettled = report.systems - report.captured - report.failed
    return commas(
        f"{report.captured:,} captured",
        f"{report.failed:,} failed" if report.failed else "",
        f"{unsettled:,} unsettled" if unsettled > 0 else "",
        f"{report.with_alarms:,} with alarms" if report.with_alarms else "no alarms",
    )


def _intelligence_facts(report: HuntReport) -> Iterator[Fact]:
    if report.intelligence:
        in_words = harmless_line(report.intelligence.in_words, 200)
        yield Fact("Your intelligence", capitalised(in_words), place=Place.REST)


def _report_facts(report: HuntReport) -> Iterator[Fact]:
    """The slowest capture, and the share of systems captured in the last 30 days."""
    if report.slowest:
        named = _named(report.slowest.system, report.slowest.name)
        yield Fact("Slowest", f"{copyable(named, 120)}, {duration(report.slowest_seconds)}")
    if report.covered is not None and report.systems:
        share = percent(report.covered, report.systems)
        yield Fact(
            "Coverage",
            f"{report.covered:,} of {counted(report.systems, 'system')} ({share} %) captured in the last "
            f"{COVERAGE_DAYS} days",
        )


def _vulnerability_facts(found: FoundVulnerabilities | None) -> Iterator[Fact]:
    if found and found.total:
        at_least = "" if found.complete else "at least "
        counts = f"{found.critical:,} critical and {found.high:,} high on {counted(found.systems, 'system')}"
        new = (
            f"{found.new:,} new since the hunt of {utc_minute(found.since)}" if found.new is not None else ""
        )
        in_use = f"{found.in_use:,} in packages in use"
        yield Fact("Vulnerabilities", at_least + commas(counts, in_use, new), place=Place.REST)


def _cost_facts(report: HuntReport) -> Iterator[Fact]:
    """What the hunt came to, and what was expected."""
    if cost := compared(report.cost, report.came_to):
        yield Fact("Cost", cost, place=Place.REST)


def _quiet_facts(quiet: Quiet) -> Iterator[Fact]:
    """What people were not told of: what they judged harmless, muted, or have in open cases."""
    withheld = commas(
        counted(quiet.known, "known finding") if quiet.known else "",
        counted(quiet.muted, "muted finding") if quiet.muted else "",
    )
    if withheld:
        yield Fact("Withheld", f"{withheld} withheld on {counted(quiet.systems, 'system')}")
    if quiet.first:
        named = ", ".join(harmless_line(each, 160) for each in quiet.first[:MAX_SAME])
        more = quiet.first_total - MAX_SAME
        yield Fact(
            "First seen, withheld", named + (f" and {more:,} more" if more > 0 else ""), place=Place.NEWS
        )
    if quiet.still:
        yield Fact("Still there", f"{counted(quiet.still, 'finding')} of open cases, told before")


def _lines(report: HuntReport) -> Iterator[Line]:
    """First what was not hunted, then what is new, then the rest. Each system is in one line."""
    yield from _not_hunted(report)
    hunted = [capture for capture in report.captures if capture.state is CaptureState.PROCESSED]
    alarms = [capture for capture in hunted if _has_alarms(capture)]
    new = [capture for capture in alarms if capture.new and report.since]
    yield from (Line(_system_line(capture), _new(report), place=Place.NEWS) for capture in new)
    before = [capture for capture in alarms if capture not in new]
    yield from (Line(_system_line(capture), _as_before(report)) for capture in before)
    if quiet := [capture for capture in hunted if not _has_alarms(capture)]:
        heading = "No alarms" if alarms else _as_before(report, "No alarms")
        yield Line(f"{counted(len(quiet), 'system')}: {_names(quiet)}", heading, len(quiet), Place.REST)


def _within(lines: list[Line], most: int) -> tuple[Line, ...]:
    """At most so many lines. Lines of systems are dropped first, because the message counts the systems that
    it does not name."""
    room = most - sum(not line.systems for line in lines)
    kept = []
    for line in lines:
        if not line.systems or room > 0:
            kept.append(line)
            room -= bool(line.systems)
    return tuple(kept[:most])


def _not_hunted(report: HuntReport) -> Iterator[Line]:
    """Systems of the hunt that were not captured, by reason, and what the hunt left out. Those that have
    alarms all the same have a line of their own."""
    same: dict[tuple[CaptureState, str], list[CaptureResult]] = defaultdict(list)
    for capture in report.captures:
        if capture.state is CaptureState.PROCESSED:
            continue
        if _has_alarms(capture):
            yield Line(_system_line(capture), NOT_HUNTED, place=Place.NEWS)
        else:
            same[capture.state, capture.reason].append(capture)
    for (state, reason), captures in sorted(same.items(), key=lambda group: -len(group[1])):
        what = "failed" if state is CaptureState.FAILED else f"unsettled ({state.value})"
        why = harmless_line(reason, 150).rstrip(".")
        text = f"{counted(len(captures), 'system')} {what}" + (f": {why}" if why else "")
        yield Line(f"{text} ({_names(captures)})", NOT_HUNTED, len(captures), Place.NEWS)
    for text in report.left_out:
        yield Line(harmless_line(text, MAX_LEFT_OUT), NOT_HUNTED, 0, Place.NEWS)
    for problem in report.problems:
        yield Line(f"Hunt definition: {harmless_line(problem, 200)}", NOT_HUNTED, 0, Place.NEWS)


def _new(report: HuntReport) -> str:
    count = f"{counted(report.new_alarms, 'alarm')} on {counted(report.new_with, 'system')}"
    return f"New since the hunt of {utc_minute(report.since)}: {count}"


def _as_before(report: HuntReport, otherwise: str = "With alarms, worst first") -> str:
    """The heading of systems on which nothing is new. `otherwise`: if no hunt can be compared with."""
    if report.since is None:
        return otherwise
    if report.new_alarms:
        return "As in the hunt before, worst first"
    return f"Nothing new since the hunt of {utc_minute(report.since)}"


def _has_alarms(capture: CaptureResult) -> bool:
    return bool(capture.malicious or capture.suspicious)


def _names(captures: list[CaptureResult]) -> str:
    named = [_name_and_id(capture) for capture in captures]
    more = len(named) - MAX_SAME
    return ", ".join(named[:MAX_SAME]) + (f" and {more:,} more" if more > 0 else "")


def _name_and_id(capture: CaptureResult) -> str:
    system = capture.system
    name = copyable(capture.name, 60) if system.kind is Kind.EC2 else ""  # the title names the others
    return f"{name} {titled(system)}".lstrip()


def _named(system: System, name: str) -> str:
    return (name if system.kind is Kind.EC2 else "") or system.title


def _system_line(capture: CaptureResult) -> str:
    system = capture.system
    counts = commas(
        f"{capture.malicious:,} malicious" if capture.malicious else "",
        f"{capture.suspicious:,} suspicious" if capture.suspicious else "",
    )
    counts += f" on {capture.disks:,} disks" if capture.disks > 1 else ""
    new = f"{capture.new:,} of them new" if capture.new else ""
    place = commas(copyable(system.account, 40), copyable(system.place, 120))
    state = "" if capture.state is CaptureState.PROCESSED else capture.state.value
    reason = harmless_line(capture.reason, 150)
    result = commas(state, counts, new)
    return f"{_name_and_id(capture)} ({place}): {result}" + (f". {reason}" if reason else "")
