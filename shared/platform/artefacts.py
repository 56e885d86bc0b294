"""Where the alarms of each finding were raised, as far as the platform lists them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from shared.models.evidence import Artefact, Finding
from shared.models.severity import Severity
from shared.platform.wire import AlarmJson, finding_from
from shared.text import one_line

MOST_PLACES = 200  # of all findings of an alarm
MOST_CONTENTS = 5  # of one place
_MAX_PATH = 500
_DIGEST = re.compile("[0-9a-fA-F]{64}")
_MARKED = re.compile(" #[0-9a-f]{16}\\Z")

Counted = tuple[Finding, int]  # a finding, and how many of its alarms are about events of logs
_Key = tuple[str, Severity]


@dataclass
class _Place:
    """One place while its alarms are counted."""

    count: int = 0
    contents: dict[str, None] = field(default_factory=dict)

    def add(self, content: str) -> None:
        """Count one alarm, unless its content is one too many."""
        if content and content not in self.contents:
            if len(self.contents) == MOST_CONTENTS:
                return
            self.contents[content] = None
        self.count += 1


class _Places:
    """The places of all findings of one evidence."""

    def __init__(self) -> None:
        self._places: defaultdict[_Key, dict[str, _Place]] = defaultdict(dict)
        self._events: defaultdict[_Key, int] = defaultdict(int)  # listed alarms about events of logs
        self._room = MOST_PLACES

    def add(self, alarm: AlarmJson) -> None:
        """Add an alarm of the list. If there is no room for its place or its content, it stays unlisted."""
        finding = finding_from(alarm)
        key = finding.description, finding.severity
        path, content = exact_path(alarm.full_path or ""), ""
        if alarm.type == "event":
            self._events[key] += 1
            path = ""  # the log of the event, which says nothing about the event
        elif alarm.type == "content" and _DIGEST.fullmatch(alarm.item_id or ""):
            content = (alarm.item_id or "").lower()
        if place := self._place(key, path):
            place.add(content)

    def of(self, finding: Finding, events: int) -> tuple[Artefact, ...]:
        """The artefacts of a finding. `events`: how many of its alarms are about events of logs, by the
        summary. The list was not asked for most of them."""
        key = finding.description, finding.severity
        unasked = min(events, finding.count) - self._events[key]
        if unasked > 0 and (place := self._place(key, "")):
            place.count += unasked
        artefacts = [
            Artefact(path, place.count, tuple(place.contents)) for path, place in self._places[key].items()
        ]
        rest = finding.count - sum(artefact.count for artefact in artefacts)
        return (*artefacts, *([Artefact("", rest, listed=False)] if rest > 0 else []))

    def _place(self, key: _Key, path: str) -> _Place | None:
        """None if there is no room for another place."""
        places = self._places[key]
        if path not in places:
            if not self._room:
                return None
            self._room -= 1
            places[path] = _Place()
        return places[path]


def with_artefacts(summary: Iterable[Counted], alarms: Iterable[AlarmJson]) -> tuple[Finding, ...]:
    """The findings with the places of their alarms. `alarms` come newest first."""
    places = _Places()
    for alarm in alarms:
        places.add(alarm)
    return tuple(replace(finding, artefacts=places.of(finding, events)) for finding, events in summary)


def exact_path(path: str) -> str:
    """The path as text of one line, which no other path has.

    A path that is too long, or that has invisible characters, ends with ` #` and the beginning of its
    SHA-256. Otherwise an attacker could give a file a name that looks like one that people know.
    """
    shown = one_line(path, _MAX_PATH)
    if shown == path and not _MARKED.search(path):
        return path
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{one_line(path, _MAX_PATH - 18)} #{digest}"
