"""Composes one message about many alarms.

There are three reasons for a digest:

* The destination would otherwise get more than it accepts.
* A route held the alarms until its active hours began.
* A route collects the suspicious alarms of a hunt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.messages.counts import worst_in_a_list
from receiver.messages.message import MAX_LINES, Line, Message
from receiver.messages.safe_text import copyable, harmless_line
from shared.models.alarms import Alarm
from shared.models.holds import PROJECT, Hold, local_minute
from shared.models.hunts import hunt_name, hunt_time
from shared.models.severity import Severity
from shared.phrases import counted

DIGEST = "digest"  # the kind of the message
_MAX_QUOTE = 200  # characters of a text from outside
_MOST_NAMED = 3  # events that a line names as having told of its alarms


@dataclass(frozen=True)
class DigestEntry:
    """What a digest says about one alarm."""

    event_id: str
    case_key: str
    title: str
    severity: Severity
    malicious: int = 0
    suspicious: int = 0
    # Earlier versions did not store what follows.
    finding: str = ""  # the worst one in words, or the reason of a failure
    hold: Hold | None = None  # why it was not told at once; None: only because of the rate limit


def digest_entry(alarm: Alarm, message: Message, hold: Hold | None) -> DigestEntry:
    """The entry of an alarm. `message`: what it would have become by itself."""
    return DigestEntry(
        alarm.event.id,
        alarm.case_key,
        f"{message.title} (may be a repeat)" if alarm.may_repeat else message.title,
        alarm.severity,
        alarm.malicious or 0,
        alarm.suspicious or 0,
        worst_in_a_list(alarm.findings) or harmless_line(message.quote, _MAX_QUOTE),
        hold,
    )


def cases_shown(entries: Sequence[DigestEntry]) -> dict[str, Severity]:
    """The cases of which the message says how they stand, and how severe it shows them. That is only said of
    alarms that were held."""
    cases = list(_cases(entries).items())[:MAX_LINES]
    return {key: case[0].severity for key, case in cases if case[0].hold}


def digest_message(
    id: str,
    destination: str,
    entries: Sequence[DigestEntry],
    states: Mapping[str, str] = {},
    told_by: Mapping[str, str] = {},
    *,
    maybe_repeat: bool,
) -> Message:
    """The message about `entries`, of which there is at least one. `states`: how each case stands, in words;
    nothing is said of a case that is not there. `told_by`: for each event that people were told of before,
    the event whose message did."""
    cases = _cases(entries)
    worst = next(iter(cases.values()))[0]
    title, summary, heading = _words(destination, entries, len(cases))
    lines = tuple(Line(_line(case, states.get(key, ""), told_by), heading) for key, case in cases.items())
    return Message(
        id=id,
        kind=DIGEST,
        severity=worst.severity,
        title=title,
        summary=summary,
        lines=lines[:MAX_LINES],
        lines_total=len(lines),
        values=lambda: {"title": title, "severity": worst.severity.value, "kind": DIGEST, "event_id": id},
        labels=("huntbridge", worst.severity.value, DIGEST),
        case_key=f"{DIGEST}/{id}",
        maybe_repeat=maybe_repeat,
    )


def _cases(entries: Sequence[DigestEntry]) -> dict[str, list[DigestEntry]]:
    """The entries by case, the worst first."""
    cases: dict[str, list[DigestEntry]] = {}
    for entry in sorted(entries, key=_worst_first):
        cases.setdefault(entry.case_key, []).append(entry)
    return cases


def _words(destination: str, entries: Sequence[DigestEntry], cases: int) -> tuple[str, str, str]:
    """The title, the summary, and the heading of the lines."""
    hold, systems = entries[0].hold, counted(cases, "system")
    if hold is None:
        title = f"{counted(len(entries), 'more alarm')} in {systems}, the worst first"
        summary = f"They came faster than {destination} takes messages, so they share this one."
        return title, summary, "Alarms, worst first"
    if hold.until is None:
        name, ended = _hunt(hold.hunt)
        title = f"{name}: {counted(len(entries), 'suspicious alarm')} in {systems}, the worst first"
        summary = f"{ended} Alarms that are malicious have messages of their own."
        return title, summary, "Systems, worst first"
    hours = {str(entry.hold.hours) for entry in entries if entry.hold and entry.hold.hours}
    until = local_minute(hold.until, hold.hours.timezone if hold.hours else "UTC")
    which = f" of this route ({hours.pop()})" if len(hours) == 1 else ""
    title = f"{counted(len(entries), 'held alarm')} in {systems}, the worst first"
    summary = f"They came outside the active hours{which}, and were held until {until}."
    return title, summary, "Alarms, worst first"


def _hunt(hunt: str) -> tuple[str, str]:
    """The hunt, and a sentence that it has ended."""
    if hunt.startswith(PROJECT):
        return f"Project {hunt.removeprefix(PROJECT)}", "No more alarms came for a while."
    name, at = copyable(hunt_name(hunt) or hunt, 60), copyable(hunt_time(hunt), 40)
    return f"Hunt {name}", f"The hunt of {at} has ended."


def _line(case: list[DigestEntry], state: str, told_by: Mapping[str, str]) -> str:
    worst = case[0]
    finding = f": {worst.finding}" if worst.finding and worst.hold else ""
    line = f"{worst.title}{finding} (event {worst.event_id})"
    more = f", and {counted(len(case) - 1, 'more alarm')}" if len(case) > 1 else ""
    return "; ".join(filter(None, (f"{line}{more}", _told_before(case, told_by), state)))


def _told_before(case: list[DigestEntry], told_by: Mapping[str, str]) -> str:
    """Which messages have told of alarms of a case since they were held."""
    by = [told_by[entry.event_id] for entry in case if entry.event_id in told_by]
    if not by:
        return ""
    events = list(dict.fromkeys(by))
    more = f" and {counted(len(events) - _MOST_NAMED, 'other')}" if len(events) > _MOST_NAMED else ""
    which = "" if len(by) == len(case) else f"{len(by)} of them "
    noun = "event" if len(events) == 1 else "events"
    return f"{which}told since, with {noun} {', '.join(events[:_MOST_NAMED])}{more}"


def _worst_first(entry: DigestEntry) -> tuple[int, int, int]:
    return (-entry.severity.rank, -entry.malicious, -entry.suspicious)
