"""Cuts events and alarms to the size that a queue item may have.

SQS accepts 1 MiB, and the alarm of a badly infected machine has thousands of findings. The places of the
findings are left out first, and then the least bad findings, which are counted. The functions work on what
`dump` made, and import little, because the web function loads this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_ITEM = 256 * 1024  # bytes of an event or an alarm as JSON
# What is kept of an event or alarm that does not fit: characters of the event's text, of any other text, and
# of a text in a list; entries of a list; bytes of a list of texts. Messages show less than that.
MAX_TEXT, MAX_STRING, MAX_ENTRY, MAX_ENTRIES, MAX_LIST = 16_000, 1_000, 200, 50, 32 * 1024
_WORST_FIRST = ("malicious", "suspicious", "unknown", "info")


def fitted_event(event: dict[str, Any]) -> dict[str, Any]:
    """The event itself if it fits, else a shorter one."""
    return event if _size(event) <= MAX_ITEM else _cut_event(event)


def fitted_alarm(alarm: dict[str, Any]) -> dict[str, Any]:
    """The alarm itself if it fits, else one without artefacts, else one with fewer findings; `findings_total`
    says how many there were."""
    if _size(alarm) <= MAX_ITEM:
        return alarm
    alarm = {**alarm, "findings": [{**finding, "artefacts": []} for finding in alarm.get("findings", ())]}
    if _size(alarm) <= MAX_ITEM:
        return alarm
    findings = sorted(alarm.get("findings", ()), key=_worst_first)
    rest = {name: value for name, value in alarm.items() if name not in ("event", "findings")}
    cut = {**_cut(rest), "event": _cut_event(alarm["event"])}
    cut["findings_total"] = max(alarm.get("findings_total", 0), len(findings))
    cut["findings"] = _fill(map(_cut, findings), MAX_ITEM - _size(cut))
    return cut


def _cut_event(event: dict[str, Any]) -> dict[str, Any]:
    report = event.get("report")
    cut = {**_cut({**event, "report": None}), "text": _shorter(event.get("text", ""), MAX_TEXT)}
    if report:
        cut["report"] = _cut({**report, "captures": []})
        for name in ("problems", "left_out"):
            cut["report"][name] = _first(report.get(name, ()))
        # The report has counts of all systems, which include those whose lines are left out here.
        lines = (_cut(line, MAX_ENTRY) for line in report.get("captures", ()))
        cut["report"]["captures"] = _fill(lines, MAX_ITEM * 3 // 4 - _size(cut))
    return cut


def _first(texts: Sequence[str]) -> list[str]:
    kept = _fill((_shorter(text, MAX_ENTRY) for text in texts), MAX_LIST)
    more = len(texts) - len(kept)
    return [*kept, f"and {more:,} more of these"] if more else kept


def _fill(entries: Iterable[Any], room: int) -> list[Any]:
    """The first entries, as many as there is room for (in bytes)."""
    kept = []
    for entry in entries:
        room -= _size(entry) + 1
        if room < 0:
            break
        kept.append(entry)
    return kept


def _cut(value: Any, longest: int = MAX_STRING) -> Any:
    if isinstance(value, str):
        return _shorter(value, longest)
    if isinstance(value, Mapping):
        return {name: _cut(item, longest) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(item, MAX_ENTRY) for item in value[:MAX_ENTRIES]]
    return value


def _shorter(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _worst_first(finding: Mapping[str, Any]) -> tuple[bool, int, int]:
    """Hits of one's own rules before all others, as in messages."""
    from shared.models.intelligence import rules_named_in  # only the web function has not loaded it

    severity = finding["severity"]
    rank = _WORST_FIRST.index(severity) if severity in _WORST_FIRST else len(_WORST_FIRST)
    return not rules_named_in(finding["description"], ()), rank, -finding["count"]


def _size(thing: Any) -> int:
    return len(json.dumps(thing, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
