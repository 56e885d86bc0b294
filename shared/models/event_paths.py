"""Paths into an event of EventBridge, such as `detail.findings.*.Severity.Label`.

A path names keys, one below the other. `*` stands for each element of a list. Several paths of one trigger
are read together: where they share a `*`, it stands for the same element. So the severity and the machine
that are found belong to the same finding.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

EACH = "*"
_BEGINS = ("detail", "resources", "account", "region")  # what EventBridge's envelope says about the subject
_KEY = re.compile(r"[A-Za-z0-9_:/@$-]{1,100}", re.ASCII)
_MOST_PARTS = 20
_MOST_PLACES = 1_000  # that one event may have

# Which element each `*` stands for, by the path up to it.
Place = Mapping[tuple[str, ...], int]
ANYWHERE: Place = {}


class TooManyPlaces(ValueError):
    """An event has more elements than huntbridge reads."""


@dataclass(frozen=True)
class Found:
    """One value at a path, and which elements of lists it belongs to."""

    text: str
    place: Place


@dataclass(frozen=True)
class EventPath:
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> EventPath:
        """Raises ValueError with a sentence that says what to write."""
        parts = tuple(text.split("."))
        if parts[0] not in _BEGINS:
            raise ValueError(f"a path begins with one of {', '.join(_BEGINS)}")
        if len(parts) > _MOST_PARTS or not all(part == EACH or _KEY.fullmatch(part) for part in parts):
            raise ValueError(
                "is not a path into an event; write keys with dots between them, and * for each element of "
                "a list, such as detail.findings.*.Severity.Label"
            )
        return cls(parts)

    def find(self, event: Mapping[str, Any]) -> list[Found]:
        """The texts, numbers and truth values at this path. Raises TooManyPlaces."""
        found = []
        for value, place in self._walk(event, 0, ANYWHERE):
            if isinstance(value, bool):
                found.append(Found("true" if value else "false", place))
            elif isinstance(value, str | int | float):
                found.append(Found(str(value), place))
            if len(found) > _MOST_PLACES:
                raise TooManyPlaces(f"it has more than {_MOST_PLACES:,} values at {self}")
        return found

    def _walk(self, value: Any, depth: int, place: Place) -> Iterator[tuple[Any, Place]]:
        if depth == len(self.parts):
            yield value, place
        elif self.parts[depth] == EACH:
            if isinstance(value, list):
                upto = self.parts[: depth + 1]
                for number, element in enumerate(value):
                    yield from self._walk(element, depth + 1, {**place, upto: number})
        elif isinstance(value, dict) and self.parts[depth] in value:
            yield from self._walk(value[self.parts[depth]], depth + 1, place)

    def __str__(self) -> str:
        return ".".join(self.parts)


def belongs_to(one: Place, other: Place) -> bool:
    """Whether the two are about the same elements, as far as both name any."""
    return all(other.get(upto, number) == number for upto, number in one.items())


def joined(places: Collection[Place], more: Iterable[Place]) -> list[Place]:
    """Every place that belongs to one of each. Raises TooManyPlaces."""
    both: dict[frozenset[tuple[tuple[str, ...], int]], Place] = {}
    for further in more:
        for place in places:
            if belongs_to(place, further):
                together = {**place, **further}
                both[frozenset(together.items())] = together
                if len(both) > _MOST_PLACES:
                    raise TooManyPlaces(f"it has more than {_MOST_PLACES:,} places that fit")
    return list(both.values())
