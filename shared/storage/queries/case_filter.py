"""Which cases a list shows: the parts of the indexes it reads, and what it leaves out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.models.severity import Severity
from shared.models.systems import lasting_key
from shared.storage import indexes
from shared.storage.ports import Record
from shared.storage.queries.reading import Span

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


class Which(StrEnum):
    """Which cases, by their state."""

    NOT_CLOSED = "not-closed"
    OPEN = "open"  # nobody has taken it
    TAKEN = "taken"
    CLOSED = "closed"
    ALL = "all"  # those that are not closed, then the closed ones


class Age(StrEnum):
    """How long ago the first alarm of a case came."""

    DAY = "day"  # less than a day
    WEEK = "week"  # one to seven days
    OLDER = "older"  # more than seven days

    @classmethod
    def of(cls, age: timedelta) -> Age:
        if age < _DAY:
            return cls.DAY
        return cls.WEEK if age <= _WEEK else cls.OLDER


@dataclass(frozen=True)
class CaseFilter:
    """The cases that a list shows."""

    which: Which = Which.NOT_CLOSED
    severity: Severity | None = None
    owner: str | None = None  # who has taken it; empty: nobody has. A closed case has no owner
    text: str = ""  # each of its words is in a name, an id, a title, or a finding of the case
    age: Age | None = None
    system: str = ""  # a `System.key`
    closed_since: datetime | None = None  # only with Which.CLOSED

    @property
    def question(self) -> Mapping[str, Any]:
        """What a token of this list belongs to."""
        return {"list": "cases", **vars(self)}

    @property
    def spans(self) -> tuple[Span, ...]:
        """The parts of the indexes that hold these cases, in the order in which they are listed."""
        if self.system:
            return (Span(f"{indexes.CASES_OF_SYSTEM}{lasting_key(self.system)}"),)
        since = indexes.at(self.closed_since) if self.closed_since else ""
        closed = Span(indexes.CASES_CLOSED, since=since)
        if self.which is Which.CLOSED:
            return (closed,)
        is_taken = self.which is Which.TAKEN or bool(self.owner)
        span = Span(indexes.CASES_ACKNOWLEDGED if is_taken else indexes.CASES_OPEN, newest_first=False)
        if self.severity:
            digit = indexes.severity_digit(self.severity)
            span = replace(span, since=f"{digit}#", until=f"{digit}$")  # $ comes after #
        return (span, closed) if self.which is Which.ALL and self.owner is None else (span,)

    @property
    def is_by_index(self) -> bool:
        """Whether the spans hold these cases and hardly any others."""
        if self.text or self.age or self.owner is not None or self.which is Which.OPEN:
            return False
        if self.system:
            return self.which is Which.ALL and not self.severity
        return not self.severity or self.which in (Which.NOT_CLOSED, Which.TAKEN)

    def fits(self, record: Record, now: datetime) -> bool:
        body = record.body
        return (
            self._fits_state(body)
            and (self.severity is None or _severity(body) == self.severity)
            and (self.age is None or _age(body, now) is self.age)
            and self._fits_text(record)
        )

    def _fits_state(self, body: Mapping[str, Any]) -> bool:
        is_closed, owner = bool(indexes.part(body, "closure")), indexes.part(body, "taken")
        if self.owner is not None and (is_closed or indexes.text(owner, "by") != self.owner):
            return False
        match self.which:
            case Which.ALL:
                return True
            case Which.CLOSED:
                return is_closed
            case Which.OPEN:
                return not is_closed and not owner
            case Which.TAKEN:
                return not is_closed and bool(owner)
        return not is_closed

    def _fits_text(self, record: Record) -> bool:
        words = self.text.casefold().split()
        if not words:
            return True
        text = "\n".join((record.group, *_texts(record.body))).casefold()
        return all(word in text for word in words)


def _severity(body: Mapping[str, Any]) -> str:
    return indexes.text(indexes.part(body, "alarm"), "severity")


def _age(body: Mapping[str, Any], now: datetime) -> Age | None:
    event = indexes.part(indexes.part(body, "alarm"), "event")
    opened = indexes.moment(indexes.text(body, "opened_at"), indexes.text(event, "received_at"))
    return Age.of(now - datetime.fromisoformat(opened)) if opened else None


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a case by which people look for it."""
    alarm = indexes.part(body, "alarm")
    yield indexes.text(body, "title")
    yield from _texts_in(body.get("system"))
    for name in ("system", "instance", "evidence", "hunt", "findings"):
        yield from _texts_in(alarm.get(name))


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)
