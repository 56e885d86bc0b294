"""What differs between two configurations, by meaning: defaults, order of keys and comments do not count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from shared.config.config import Config


@dataclass(frozen=True)
class Change:
    """One setting that differs. `place` is such as `routes[2].to`. None stands for the default, or for an
    entry that is not there."""

    place: str
    before: Any
    after: Any


def settings(config: Config) -> dict[str, Any]:
    """Every setting that is not the default, as JSON. There is no secret in it.

    The configuration holds references to secrets. The URL of a destination may be secret, so a digest stands
    in its place.
    """
    found = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for section in found.get("destinations", {}).values():
        if url := section.get("url"):
            section["url"] = f"<hidden, digest {hashlib.sha256(url.encode()).hexdigest()[:8]}>"
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What `settings` returned for two configurations, compared."""
    return list(_compared("", before, after))


def _compared(place: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            inner = f"{place}.{key}" if place else str(key)
            yield from _compared(inner, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and _holds_sections(before + after):
        yield from _compared_lists(place, before, after)
    else:
        yield Change(place, before, after)


def _holds_sections(entries: list[Any]) -> bool:
    return any(isinstance(entry, dict) for entry in entries)


def _compared_lists(place: str, before: list[Any], after: list[Any]) -> Iterator[Change]:
    """Entries keep their names by their numbers, from 1 on, in the configuration where they are."""
    old_texts, new_texts = ([json.dumps(entry, sort_keys=True) for entry in each] for each in (before, after))
    matched = SequenceMatcher(None, old_texts, new_texts, autojunk=False)
    for _, first, last, begins, ends in matched.get_opcodes():
        old, new = before[first:last], after[begins:ends]
        if old == new:
            continue
        for number in range(max(len(old), len(new))):
            if number >= len(new):
                yield Change(f"{place}[{first + number + 1}]", old[number], None)
            elif number >= len(old):
                yield Change(f"{place}[{begins + number + 1}]", None, new[number])
            else:
                yield from _compared(f"{place}[{begins + number + 1}]", old[number], new[number])
