"""What may be withheld, by docs/noise.md alone. It knows what lies on the disks, what people decided, and
what people were told. It calls no code that judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from receiver.messages.message import Message
from tests.receiver.sequences.world import Content, Disk, Planted

# The place that each path of the sequences is folded to.
PLACES = {
    "": "",
    "/opt/scan/nmap": "/opt/scan/nmap",
    "/opt/scan/nm\u0430p": "/opt/scan/nm\u0430p",  # with a Cyrillic letter
    "/home/ada/x.php": "/home/<user>/x.php",
    "/home/eve/x.php": "/home/<user>/x.php",
}
FOREVER = 10**9

Key = tuple[str, str]  # the name of a finding, and its place


@dataclass(frozen=True)
class Sight:
    """One finding on one disk."""

    name: str
    place: str
    malicious: bool
    count: int
    contents: frozenset[str]
    parts: frozenset[tuple[str, bool]]  # each path, and whether it is malicious there

    @property
    def key(self) -> Key:
        return self.name, self.place


def sights(content: Content) -> dict[Key, Sight]:
    by_key: dict[Key, list[Planted]] = {}
    for each in content:
        by_key.setdefault((each.name, PLACES[each.path]), []).append(each)
    return {
        key: Sight(
            *key,
            malicious=any(each.malicious for each in there),
            count=sum(each.count for each in there),
            contents=frozenset(each.content for each in there if each.path),
            parts=frozenset((each.path, each.malicious) for each in there),
        )
        for key, there in by_key.items()
    }


@dataclass
class Event:
    """One webhook. It is handled between two moments of the sequence."""

    id: str
    disk: Disk
    start: int
    started_at: datetime
    end: int = FOREVER

    @property
    def sights(self) -> dict[Key, Sight]:
        """What was on the disk at the latest when the work began."""
        return sights(self.disk.at(self.start))


@dataclass
class Closing:
    """A person closed a case, and so may have made an entry."""

    by: str
    case: str
    system: str
    harmless: bool
    start: int
    until: datetime
    scope: str = "system"
    hunt: str = ""
    tag: tuple[str, str] = ("", "")
    named: frozenset[Key] = frozenset()  # malicious findings
    end: int = FOREVER  # when it surely had been made
    reopened: int = FOREVER  # when a person began to reopen the case
    ended: int = FOREVER  # when its entry surely had been ended


@dataclass
class MuteMade:
    by: str
    start: int
    at: datetime
    until: datetime
    system: str = ""
    hunt: str = ""
    name: str = ""
    path: str = ""  # the beginning of all paths
    malicious: bool = False
    until_next_hunt: bool = False
    ended: int = FOREVER

    def covers(self, disk: Disk, name: str, path: str, malicious: bool) -> bool:
        """Whether it covers a finding at one path."""
        return (
            (self.malicious or not malicious)
            and self.system in ("", disk.system)
            and self.hunt in ("", disk.hunt)
            and self.name in ("", name)
            and path.startswith(self.path)
            and not (self.until_next_hunt and disk.hunt_at > self.at)
        )


class Timeline:
    """Something that changes in a sequence."""

    def __init__(self, first: object) -> None:
        self._values: list[tuple[int, object]] = [(0, first)]

    def change(self, moment: int, value: object) -> None:
        self._values.append((moment, value))

    def during(self, start: int, end: int) -> set[object]:
        before = [value for since, value in self._values if since <= start]
        return {before[-1], *(value for since, value in self._values if start < since <= end)}


@dataclass
class Oracle:
    events: dict[str, Event] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)
    mutes: list[MuteMade] = field(default_factory=list)
    platform: Timeline = field(default_factory=lambda: Timeline("up"))
    across_hunts: Timeline = field(default_factory=lambda: Timeline(True))
    tags: dict[tuple[str, str], Timeline] = field(default_factory=dict)  # by system and key
    told: dict[tuple[str, str], list[Message]] = field(default_factory=dict)  # by case and event

    def may_withhold(self, event: Event, sight: Sight, case: str) -> Iterator[str]:
        """Why this finding of an event need not be told: "seen", or who made the entry or the mute that
        covers it. `case`: the one that huntbridge gives the event."""
        platform = self.platform.during(event.start, event.end)
        if "up" in platform and True in self.across_hunts.during(event.start, event.end):
            if self._seen(event, sight, case):
                yield "seen"
            yield from (each.by for each in self.closings if self._known_good(each, event, sight))
        yield from self._muted(event, sight, platform)

    def _muted(self, event: Event, sight: Sight, platform: set[object]) -> Iterator[str]:
        """Who made the mutes that cover all parts of the finding together."""
        in_force = [
            mute
            for mute in self.mutes
            if mute.start <= event.end
            and event.start <= mute.ended
            and event.started_at < mute.until
            and ({"up"} if mute.path else {"up", "unlisted"}) & platform
        ]
        covering = [
            {mute.by for mute in in_force if mute.covers(event.disk, sight.name, path, malicious)}
            for path, malicious in sight.parts
        ]
        if all(covering):
            yield from frozenset().union(*covering)

    def _seen(self, event: Event, sight: Sight, case: str) -> bool:
        """Whether an earlier event told it in the same case, which was not closed since."""
        return no_more(
            sight,
            [
                before
                for earlier, before in self._told_in(case, sight.key)
                if earlier.disk.system == event.disk.system
                and earlier.start <= event.end
                and not self._closed_between(case, earlier, event)
            ],
        )

    def _closed_between(self, case: str, earlier: Event, event: Event) -> bool:
        return any(
            closing.case == case
            and earlier.end <= closing.start
            and closing.end < event.start
            and closing.reopened > event.end
            for closing in self.closings
        )

    def _known_good(self, closing: Closing, event: Event, sight: Sight) -> bool:
        """Whether the closing made an entry that covers the finding."""
        key, disk = sight.key, event.disk
        in_force = (
            closing.harmless
            and closing.start <= event.end
            and event.start <= closing.ended
            and event.started_at < closing.until
        )
        in_scope = {
            "system": closing.system == disk.system,
            "hunt": bool(closing.hunt) and closing.hunt == disk.hunt,
            "tag": closing.tag[1] in self._tag(disk.system, closing.tag[0], event),
            "everywhere": True,
        }[closing.scope]
        if not in_force or not in_scope:
            return False
        told = list(self._told_in(closing.case, key))
        judged = [before for earlier, before in told if earlier.start <= closing.end]
        # What was told before the case was reopened was judged by its earlier closing.
        since = [
            each.end for each in self.closings if each.case == closing.case and each.start < closing.start
        ]
        surely = [
            before
            for earlier, before in told
            if earlier.end <= closing.start and all(earlier.start > end for end in since)
        ]
        is_malicious = sight.malicious or any(each.malicious for each in surely)
        as_judged = no_more(sight, judged) and (key in closing.named or not is_malicious)
        return as_judged and self._same_content(closing, sight)

    def _same_content(self, closing: Closing, sight: Sight) -> bool:
        """Whether the system had each of the files before the verdict, or another one in each hunt."""
        hunts: dict[int, frozenset[str]] = {}
        for event in self.events.values():
            if event.disk.system == closing.system and event.start <= closing.end:
                found = sights(event.disk.at(min(event.end, closing.end))).get(sight.key)
                if found:
                    hunts[event.disk.project] = hunts.get(event.disk.project, frozenset()) | found.contents
        had: frozenset[str] = frozenset().union(*hunts.values())
        return sight.contents <= had or len(had) >= len(hunts) >= 2

    def _told_in(self, case: str, key: Key) -> Iterator[tuple[Event, Sight]]:
        """The events that told people of a finding in a case, and how it was then."""
        for (in_case, id), messages in self.told.items():
            if in_case == case and (event := self.events.get(id)):
                for message in messages:
                    if found := told_by(message).get(key):
                        yield event, found

    def _tag(self, system: str, key: str, event: Event) -> set[object]:
        timeline = self.tags.get((system, key))
        return timeline.during(event.start, event.end) - {""} if timeline else set()


def no_more(now: Sight, told: Iterable[Sight]) -> bool:
    """Whether the finding is neither more severe than it was told, nor many times as many."""
    told = list(told)
    if not told:
        return False
    count = max(each.count for each in told)
    many = now.count >= 3 * count and now.count >= count + 5
    return not many and (not now.malicious or any(each.malicious for each in told))


def told_by(message: Message) -> dict[Key, Sight]:
    """The findings that a message tells of. Without their places if the platform did not list them."""
    content = tuple(
        Planted(
            finding.description,
            artefact.path,
            finding.severity == "malicious",
            artefact.count,
            artefact.contents[0][0] if artefact.contents else "",
        )
        for finding in (message.alarm.findings if message.alarm else ())
        for artefact in finding.artefacts
    )
    return sights(content)
