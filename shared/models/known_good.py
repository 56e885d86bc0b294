"""Known good: findings that a person judged harmless, in a scope and until a date.

An entry is made when a case is closed as benign or false positive. A finding that an entry covers is recorded
and counted, and no message is sent about it. Whether an entry has ended is decided when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.models.decisions import Verdict
from shared.models.known_good_terms import Scope
from shared.models.occurrences import Occurrence, many_more
from shared.models.severity import Severity
from shared.models.systems import System

MOST_DAYS = 365  # an entry cannot be valid for longer
MOST_FINDINGS = 100  # of one entry


@dataclass(frozen=True)
class KnownFinding:
    """A finding as it was judged. Its texts come from the platform, and may be hostile."""

    fingerprint: str
    description: str
    path: str
    severity: Severity
    count: int
    contents: tuple[str, ...] = ()  # digests of the files, as in `Occurrence`
    any_content: bool = False  # its content changed from hunt to hunt before it was judged


@dataclass(frozen=True)
class Entry:
    """Findings that are known good."""

    id: str
    scope: Scope
    findings: tuple[KnownFinding, ...]
    by: str  # a name, which may be hostile text
    why: str  # may be hostile text
    at: datetime
    until: datetime
    verdict: Verdict
    case: str = ""  # the key of the case whose closing made the entry
    origin: str = ""  # from where it was made
    system: str = ""  # `System.lasting`, for the scope `system`
    hunt: str = ""  # the hunt's name, for the scope `hunt`
    tag: tuple[str, str] = ("", "")  # key and value, for the scope `tag`
    ended_by: str = ""  # who ended it before its time
    ended_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.until

    @property
    def where(self) -> str:
        """The scope in words, such as "on i-0abc"."""
        match self.scope:
            case Scope.SYSTEM:
                return f"on {System(self.system, '').title}"
            case Scope.HUNT:
                return f"on every system of the hunt {self.hunt}"
            case Scope.TAG:
                return f"on every system with the tag {'='.join(self.tag)}"
            case Scope.EVERYWHERE:
                return "everywhere"


@dataclass(frozen=True)
class Place:
    """Where a finding was made."""

    system: str  # `System.lasting`
    hunt: str = ""  # the hunt's name; empty if it is not known
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """An entry that names a finding. It covers the finding unless there is a reason why it does not."""

    entry: Entry
    not_covered: str = ""  # the end of the sentence "told, since …"


def best_match(occurrence: Occurrence, place: Place, entries: Iterable[Entry], now: datetime) -> Match | None:
    """The entry that covers the finding for the longest time; else one that names it, and why it does not
    cover it; None if none names it here."""
    matches = [match for entry in entries if (match := _match(occurrence, place, entry, now))]
    return max(matches, key=lambda match: (not match.not_covered, match.entry.until), default=None)


def _match(occurrence: Occurrence, place: Place, entry: Entry, now: datetime) -> Match | None:
    known = next((each for each in entry.findings if each.fingerprint == occurrence.fingerprint), None)
    if known is None or not _is_in_scope(entry, place):
        return None
    return Match(entry, _why_not(occurrence, known, entry, now))


def _is_in_scope(entry: Entry, place: Place) -> bool:
    match entry.scope:
        case Scope.SYSTEM:
            return entry.system == place.system
        case Scope.HUNT:
            return bool(entry.hunt) and entry.hunt == place.hunt
        case Scope.TAG:
            key, value = entry.tag
            return bool(key) and place.tags.get(key) == value
        case Scope.EVERYWHERE:
            return True


def _why_not(occurrence: Occurrence, known: KnownFinding, entry: Entry, now: datetime) -> str:
    """Why the entry does not cover the finding; empty if it does."""
    if entry.ended_at is not None:
        return f"the known-good entry was ended by {entry.ended_by or 'somebody'}"
    if now >= entry.until:
        return "the known-good entry has ended"
    if occurrence.severity.rank > known.severity.rank:
        return f"it is {occurrence.severity} now, and was judged while it was {known.severity}"
    if many_more(occurrence.count, known.count):
        return f"there are {occurrence.count:,} alarms now, and {known.count:,} when it was judged"
    if known.contents and not known.any_content and not occurrence.contents:
        return "the content of the file is not known"
    if not known.any_content and not set(occurrence.contents) <= set(known.contents):
        return "the content of the file is not the one that was judged"
    if not known.any_content and occurrence.more_contents:
        return "it has more files than can be compared"
    return ""


def latest_end(now: datetime) -> datetime:
    """The latest end that an entry or a mute made now may have."""
    return now + timedelta(days=MOST_DAYS)
