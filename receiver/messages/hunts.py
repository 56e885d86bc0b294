"""What a message says about a hunt: its report, a missed run, and captures that failed or stall."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from receiver.messages.content import Content, platform_sentence, quote_unless_sentence
from receiver.messages.message import MAX_LINES, Fact
from receiver.messages.safe_text import copyable, harmless_line, quoted_text
from receiver.messages.subject import where
from receiver.messages.wording import commas, joined
from shared.models.alarms import Alarm
from shared.models.captures import CaptureState
from shared.models.hunts import COVERAGE_DAYS, CaptureResult, HuntReport, hunt_name, hunt_time
from shared.models.quiet_findings import Quiet
from shared.phrases import counted, duration, percent, utc_minute

MAX_SAME = 10  # systems named in the line of those that failed for the same reason
MAX_LEFT_OUT = 600  # characters of a reason and the systems that it left out


def hunt_finished(alarm: Alarm) -> Content:
    report = alarm.event.report
    if report is None:
        return Content(
            title="Hunt finished", summary=platform_sentence(alarm), quote=quote_unless_sentence(alarm)
        )
    name = copyable(report.hunt, 60)
    lines = _grouped(report)
    return Content(
        title=f"Hunt {name} {_ended(report)}",
        summary=f"{counted(report.systems, 'system')}, scheduled for {utc_minute(report.scheduled_at)}.",
        quote=quoted_text(report.reason),
        facts=(
            Fact("Hunt", name),
            Fact("Scheduled", utc_minute(report.scheduled_at)),
            *_report_facts(report),
            *_quiet_facts(report.quiet),
        ),
        lines=tuple(lines[:MAX_LINES]),
        lines_total=len(lines) + max(0, report.systems - len(report.captures)),
        gaps=(
            *(f"Hunt definition: {harmless_line(problem, 200)}" for problem in report.problems),
            *(harmless_line(reason, MAX_LEFT_OUT) for reason in report.left_out),
        ),
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
        summary="It goes on by itself if the platform does; this is told once.",
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


def _report_facts(report: HuntReport) -> Iterator[Fact]:
    """New alarms since the last hunt, the slowest capture, and the share of systems captured in the last 30
    days."""
    if report.since:
        new = f"{counted(report.new_alarms, 'alarm')} on {counted(report.new_with, 'system')}"
        since = f"since the hunt of {utc_minute(report.since)}"
        yield Fact("New", f"{new} {since}" if report.new_alarms else f"nothing {since}")
    if report.slowest:
        named = report.slowest.name or report.slowest.system.instance
        yield Fact("Slowest", f"{copyable(named, 60)}, {duration(report.slowest_seconds)}")
    if report.covered is not None and report.systems:
        share = percent(report.covered, report.systems)
        yield Fact(
            "Coverage",
            f"{report.covered:,} of {counted(report.systems, 'system')} ({share} %) captured in the last "
            f"{COVERAGE_DAYS} days",
        )


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
        yield Fact("First seen, withheld", named + (f" and {more:,} more" if more > 0 else ""))
    if quiet.still:
        yield Fact("Still there", f"{counted(quiet.still, 'finding')} of open cases, told before")


def _grouped(report: HuntReport) -> list[str]:
    """A line for each system. Systems without alarms that failed for the same reason share one line."""
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
    ids = [copyable(capture.system.instance, 40) for capture in group]
    more = len(ids) - MAX_SAME
    shown = ", ".join(ids[:MAX_SAME]) + (f" and {more:,} more" if more > 0 else "")
    reason = harmless_line(group[0].reason, 150)
    return (
        f"{counted(len(ids), 'system')} failed"
        + (f": {reason.rstrip('.')}" if reason else "")
        + f" ({shown})"
    )


def _system_line(capture: CaptureResult) -> str:
    system = capture.system
    counts = commas(
        f"{capture.malicious:,} malicious" if capture.malicious else "",
        f"{capture.suspicious:,} suspicious" if capture.suspicious else "",
        f"{capture.new:,} of them new" if capture.new else "",
    )
    if not counts and capture.state is CaptureState.PROCESSED:
        counts = "no alarms"
    place = commas(copyable(system.account, 40), copyable(system.region, 30))
    result = commas(capture.state.value, counts)
    reason = harmless_line(capture.reason, 150)
    name, instance = copyable(capture.name, 60), copyable(system.instance, 40)
    return f"{name} {instance} ({place}): {result}".lstrip() + (f". {reason}" if reason else "")
