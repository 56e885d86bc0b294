"""Composes one message about many alarms, for a destination that would otherwise get more than it accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from receiver.messages.message import MAX_LINES, Line, Message
from shared.models.severity import Severity
from shared.phrases import counted

DIGEST = "digest"  # the kind of the message


@dataclass(frozen=True)
class DigestEntry:
    """What a digest says about one alarm."""

    event_id: str
    case_key: str
    title: str
    severity: Severity
    malicious: int = 0
    suspicious: int = 0


def digest_message(
    id: str, destination: str, entries: Sequence[DigestEntry], *, maybe_repeat: bool
) -> Message:
    """The message about `entries`, of which there is at least one."""
    cases: dict[str, list[DigestEntry]] = {}
    for entry in sorted(entries, key=_worst_first):
        cases.setdefault(entry.case_key, []).append(entry)
    lines = tuple(Line(_line(case), "Alarms, worst first") for case in cases.values())
    worst = min(entries, key=_worst_first).severity
    title = f"{counted(len(entries), 'more alarm')} in {counted(len(cases), 'system')}, the worst first"
    return Message(
        id=id,
        kind=DIGEST,
        severity=worst,
        title=title,
        summary=f"They came faster than {destination} takes messages, so they share this one.",
        lines=lines[:MAX_LINES],
        lines_total=len(lines),
        values={"title": title, "severity": worst.value, "kind": DIGEST, "event_id": id},
        labels=("huntbridge", worst.value, DIGEST),
        case_key=f"{DIGEST}/{id}",
        maybe_repeat=maybe_repeat,
    )


def _line(case: list[DigestEntry]) -> str:
    line = f"{case[0].title} (event {case[0].event_id})"
    return f"{line}, and {counted(len(case) - 1, 'more alarm')}" if len(case) > 1 else line


def _worst_first(entry: DigestEntry) -> tuple[int, int, int]:
    return (-entry.severity.rank, -entry.malicious, -entry.suspicious)
