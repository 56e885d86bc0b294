"""Finds the ids of the project and of the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from receiver.events.parse.fields import Field
from receiver.events.parse.numbers import MAX_NUMBER, whole_number
from receiver.events.parse.reading import Reading

_PROJECT_KEYS = ("projectid", "investigationid", "project", "investigation")
_EVIDENCE_KEYS = ("evidenceid", "evidence")


@dataclass(frozen=True)
class Ids:
    """All ids that the body names. The first of each list is the one to use."""

    projects: list[int]
    evidences: list[int]
    certain: bool = True  # False if an id may have been part of a file's name

    @property
    def project(self) -> int | None:
        return self.projects[0] if self.projects else None

    @property
    def evidence(self) -> int | None:
        return self.evidences[0] if self.evidences else None

    @property
    def ambiguous(self) -> bool:
        return not self.certain or len(self.projects) > 1 or len(self.evidences) > 1

    def disagreements(self) -> Iterator[str]:
        """A sentence for each kind of id of which the body names several."""
        for what, ids in (("project", self.projects), ("evidence", self.evidences)):
            if len(ids) > 1:
                others = ", ".join(map(str, ids[1:4]))
                yield f"the body names more than one {what}: {ids[0]} was taken, not {others}"


def ids_of(reading: Reading) -> Ids:
    """Values with a key come first, then ids in sentences.

    Ids that follow a file's name may be a part of it. They count only if there are no other ids, and if they
    name exactly one project and one evidence.
    """
    projects = _ids_by_key(reading, _PROJECT_KEYS) + _ids_in(reading.prose.own, _PROJECT)
    evidences = _ids_by_key(reading, _EVIDENCE_KEYS) + _ids_in(reading.prose.own, _EVIDENCE)
    if projects or evidences:
        return Ids(list(dict.fromkeys(projects)), list(dict.fromkeys(evidences)))
    project, evidence = (set(_ids_in(reading.prose.doubtful, pattern)) for pattern in (_PROJECT, _EVIDENCE))
    if len(project) == len(evidence) == 1:
        return Ids(list(project), list(evidence), certain=False)
    return Ids([], [])


def _id_pattern(words: str) -> re.Pattern[str]:
    # `project id 3`, `project_id": 3`, `project #3`, `project "weekly" (id 3)`. The number must not be a
    # date, a version, a part of a name, or a count of something.
    between = r"""[\s"'`*:=#(\[\\]{0,8}"""
    named = r"""\s{1,3}(?:"[^"\n]{1,120}"|'[^'\n]{1,120}'|[^\s"'()]{1,120})\s{0,3}\(\s{0,3}id\b"""
    return re.compile(
        rf"(?:\b|_)(?:{words})s?(?:[\s_(-]{{0,3}}(?:id|number|no)\b(?:\sis)?|{named})?{between}"
        r"([0-9]{1,10})(?![\w-]|[.,][0-9])"
        r"(?![^\S\n]{1,4}(?:new|high|low|medium|critical|malicious|suspicious|alarm|alert|detection|event|file)s?\b)",
        re.IGNORECASE | re.ASCII,
    )


_PROJECT = _id_pattern("project|investigation")
_EVIDENCE = _id_pattern("evidence")


def _ids_by_key(reading: Reading, keys: tuple[str, ...]) -> list[int]:
    values = (_id(field.value) for key in keys for field in reading.fields if is_named(field, key))
    return [number for number in values if number]


def _ids_in(text: str, pattern: re.Pattern[str]) -> list[int]:
    numbers = (_id(match[1]) for match in pattern.finditer(text))
    return [number for number in numbers if number]


def is_named(field: Field, key: str) -> bool:
    """Whether the field has this key, alone or with its parent's key, and nobody else chose its value."""
    return (field.key == key or field.path == key) and not field.untrusted


def _id(value: str | int | bool | None) -> int | None:
    number = whole_number(value)
    return number if number and number <= MAX_NUMBER else None
