"""How severe an alarm is, in numbers and words: counts of alarms, and the worst finding."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.messages.safe_text import harmless_line, shortened_path
from shared.models.alarms import Alarm
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.phrases import counted


def malicious_count(alarm: Alarm) -> int | None:
    return alarm.event.malicious if alarm.malicious is None else alarm.malicious


def suspicious_count(alarm: Alarm) -> int | None:
    return alarm.event.suspicious if alarm.suspicious is None else alarm.suspicious


def counts_in_words(alarm: Alarm) -> str:
    """Such as "7 malicious, 8 suspicious"; empty if no number is known or all are zero."""
    event = alarm.event
    malicious = malicious_count(alarm)
    suspicious = suspicious_count(alarm)
    if malicious and suspicious is None and event.kind == "high_severity_alarm":
        return counted(malicious, "high severity alarm")
    if suspicious and malicious is None and event.kind == "suspicious_severity_event":
        return counted(suspicious, "suspicious event")
    if malicious or suspicious:
        named = ((malicious, "malicious"), (suspicious, "suspicious"))
        return ", ".join(f"{count:,} {word}" for count, word in named if count)
    if not event.alarms:
        return ""
    return counted(event.alarms, "high severity alarm" if event.kind == "high_severity_alarm" else "alarm")


def adds_up(alarm: Alarm) -> bool:
    """Whether the platform confirms the alarm, and its findings are all that it is about."""
    if not alarm.confirmed or not alarm.findings or alarm.findings_total > len(alarm.findings):
        return False
    malicious, suspicious = (
        sum(finding.count for finding in alarm.findings if finding.severity is severity)
        for severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
    )
    return (
        malicious >= (alarm.malicious or 0)
        and suspicious >= (alarm.suspicious or 0)
        and malicious + suspicious >= (alarm.event.alarms or 0)
        and (malicious > 0 or alarm.severity is not Severity.MALICIOUS)
    )


def _worst_first(finding: Finding) -> tuple[int, int]:
    return (-finding.severity.rank, -finding.count)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=_worst_first)


def worst_finding(findings: Iterable[Finding]) -> str:
    """The worst finding with its path, short enough for the preview that a phone shows. Nothing follows the
    path, so that people can copy it."""
    text, path = _worst_and_path(findings)
    if not text:
        return ""
    return f"Worst: {text} at {path}" if path else f"Worst: {text}."


def worst_in_a_list(findings: Iterable[Finding]) -> str:
    """The worst finding with its path, for one line of a list."""
    text, path = _worst_and_path(findings)
    return f"{text} at {path}" if path else text


def _worst_and_path(findings: Iterable[Finding]) -> tuple[str, str]:
    worst = min(findings, key=_worst_first, default=None)
    if worst is None:
        return "", ""
    times = "once" if worst.count == 1 else f"{worst.count:,} times"
    return f"{harmless_line(worst.description, 200)} ({times})", shortened_path(worst.path)
