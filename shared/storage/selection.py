"""Which stored data is about one system, about one case, or older than a day.

A document that is about it alone is deleted. Of any other document that mentions it, only the mention is
removed. Only mentions by texts that identify a system count: its id, its addresses, and a name that no other
system has.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from shared.models.systems import Kind, System
from shared.storage import indexes, kinds
from shared.storage.indexes import part, text
from shared.storage.sweep import Document

ERASED = "(erased)"
_ADDRESSES = ("hostname", "private_ip", "public_ip")
_SHORTEST = 4  # characters of a name that identifies a system
# A webhook is recognised again by such a document. It is of no use without its event.
_WITH_THEIR_EVENT = (kinds.BODY,)
_DIGEST = "digest-"  # how the ids of digests begin


@dataclass(frozen=True)
class Selector:
    """What a person names. Exactly one field is set."""

    system: System | None = None
    case: str = ""  # its key
    before: datetime | None = None


@dataclass(frozen=True)
class Piece:
    """A document, or what it says of the selected thing. `after`: what stays of it; None: nothing."""

    document: Document
    after: Any = None


@dataclass
class Selection:
    """What belongs to a selector."""

    selector: Selector
    ids: set[str] = field(default_factory=set)  # documents with one of them in their key belong to it
    words: set[str] = field(default_factory=set)  # texts that identify it
    problems: list[str] = field(default_factory=list)  # why it may not be erased now

    @classmethod
    def find(cls, selector: Selector, documents: Callable[[], Iterable[Document]]) -> Selection:
        """`documents` reads all documents; it is called three times or more."""
        found, system = cls(selector, {selector.case} - {""}), selector.system
        if system:
            found.ids |= {system.key, system.lasting_key, system.instance, system.lasting}
        under_way = {key for each in documents() if (key := _under_way(each))}
        known = -1
        while known < len(found.ids):  # a case that was found late leads to events that were read before
            known = len(found.ids)
            found.problems.clear()
            names: dict[str, set[bool]] = defaultdict(set)  # by name: whether systems that have it are meant
            if system and system.kind is not Kind.EC2:
                names[system.name].add(True)
            for each in documents():
                if isinstance(each.body, Mapping):
                    found._look(each, under_way, names)
        if not selector.before:
            found.words = {*found.ids, *(name for name, meant in names.items() if meant == {True})}
        return found

    def _look(self, document: Document, under_way: set[str], names: dict[str, set[bool]]) -> None:
        (kind, group, _), body = document.key, document.body
        if self.selector.before:
            self.ids |= _over_before(document, self.selector.before, under_way)
            return
        mine = self._owns(document)
        for value in _names(kind, body) if self.selector.system else ():
            names[value].add(mine)
        if mine and kind in (kinds.EVENT, kinds.WHOLE_ALARM, kinds.CASE_FILE):
            self.ids.add(group)
        if mine and kind == kinds.CASE_FILE and group in under_way:
            self.problems.append(f"the case {group} is open: close it first")
        if mine and kind == kinds.CAPTURE and group in under_way:
            self.problems.append(f"the hunt {group} is running: wait for its end, or stop it")

    def _owns(self, document: Document) -> bool:
        """Whether the document is about the selected thing alone."""
        (kind, group, name), body = document.key, document.body
        if kind in (kinds.NOTE, kinds.AUDIT):
            return name in self.ids
        if group in self.ids or name in self.ids:
            return True
        if kind == kinds.EVENT:
            return bool(self.ids & {text(part(body, "facts"), "system"), text(body, "case")} - {""})
        if kind in (kinds.WHOLE_ALARM, kinds.CASE_FILE):
            alarm = part(body, "alarm") if kind == kinds.CASE_FILE else body
            holders = (body, alarm, part(alarm, "event"))
            return any(text(part(each, "system"), "instance") in self.ids for each in holders)
        return False

    def mentions(self, value: str) -> bool:
        """Whether a text names it."""
        return bool(self.words) and bool(self._pattern.search(value))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Finds the words. Inside a longer word they do not count: web-1 is not in web-10."""
        longest_first = sorted(self.words, key=len, reverse=True)
        either = "|".join(map(re.escape, longest_first))
        return re.compile(rf"(?<![a-z0-9])(?:{either})(?![a-z0-9])", re.IGNORECASE)

    def pieces(self, documents: Iterable[Document]) -> Iterator[Piece]:
        """What the documents have of it."""
        for each in documents:
            kind = each.key[0]
            if self._owns(each):
                yield Piece(each)
            elif not self.words:
                continue
            elif any(map(self.mentions, each.key)) or (
                kind in _WITH_THEIR_EVENT and self._without(each.body) != each.body
            ):
                yield Piece(each)
            elif kind == kinds.AUDIT and self.mentions(text(each.body, "about")):
                # Who did it and when stays; what it was about and what was written does not.
                yield Piece(each, {**each.body, "about": ERASED, "before": {}, "after": {}})
            elif (after := self._without(each.body)) != each.body:
                yield Piece(each, after)

    def _without(self, value: Any) -> Any:
        """The value without mentions. An entry of a list that mentions it directly is left out."""
        if isinstance(value, str):
            return self._pattern.sub(ERASED, value)
        if isinstance(value, list):
            return [self._without(each) for each in value if not self._is_about(each)]
        if isinstance(value, dict):
            return {key: self._without(inner) for key, inner in value.items() if not self.mentions(key)}
        return value

    def _is_about(self, entry: Any) -> bool:
        inner = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else [entry]
        return any(isinstance(each, str) and self.mentions(each) for each in inner)


def _names(kind: str, body: Mapping[str, Any]) -> Iterator[str]:
    """The names and addresses of the system that a document is about."""
    found: list[str] = []
    if kind in (kinds.NAME, kinds.SYSTEM):
        found.append(text(body, "name"))
    elif kind == kinds.EVENT:
        found.append(text(part(body, "facts"), "name"))
    elif kind in (kinds.WHOLE_ALARM, kinds.CASE_FILE):
        alarm = part(body, "alarm") if kind == kinds.CASE_FILE else body
        instance, evidence = part(alarm, "instance"), part(alarm, "evidence")
        found += [text(instance, "name"), text(evidence, "resource"), text(evidence, "name")]
        found += [text(each, name) for each in (instance, evidence) for name in _ADDRESSES]
        found += [disk for disk in instance.get("disks") or () if isinstance(disk, str)]
    for name in found:
        if len(name) >= _SHORTEST:
            yield name


def _under_way(document: Document) -> str:
    """The id of a hunt that is not over, or the key of a case that is not closed; else empty."""
    (kind, group, name), body = document.key, document.body
    if kind == kinds.OPEN_HUNT:
        return name
    is_open = kind == kinds.CASE_FILE and isinstance(body, Mapping) and not body.get("closure")
    return group if is_open else ""


def _over_before(document: Document, moment: datetime, under_way: set[str]) -> set[str]:
    """The id of what the document is about if that is over and older, such as a closed case."""
    (kind, group, name), body = document.key, document.body
    match kind:
        case kinds.EVENT:
            id, time = group, "" if text(body, "case") in under_way else text(body, "at")
        case kinds.DELIVERY if group.startswith(_DIGEST):
            id, time = group, text(body, "last_at")
        case kinds.CASE_FILE:
            id, time = group, text(part(body, "closure"), "at")
        case kinds.HUNT:
            id, time = name, "" if name in under_way else text(body, "scheduled_at")
        case kinds.AUDIT:
            id, time = name, text(body, "at")
        case _:
            return set()
    at = indexes.moment(time)
    return {id} if at and at < indexes.at(moment) else set()
