"""What people were told of the preflights of a hunt, so that they are told only what is new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.models.preflight import Degree, Notice
from shared.storage import kinds
from shared.storage.ledger.notes import Notes

TARGETS = "targets"  # the code of a problem with the targets themselves
# Systems of one notice that are remembered one by one. Of more, only the number is: it is new if it grew.
_MOST = 300


class Told:
    """What was told about one hunt."""

    def __init__(self, notes: Notes, hunt: str) -> None:
        self._notes, self._hunt = notes, hunt
        self._body = notes.get(kinds.PREFLIGHT_NOTES, hunt)

    def about(self, run: datetime) -> bool:
        """Whether the preflight of this run was told already."""
        return bool(self._body.get("run") == run.isoformat())

    def new(self, notices: Sequence[Notice]) -> Iterator[Notice]:
        """The notices that are worth a message, each with the systems that are new about it."""
        before: Mapping[str, Any] = self._body.get("told", {})
        for notice in notices:
            if notice.degree is Degree.INFO:
                continue
            known = before.get(_key(notice))
            if known is None:
                yield notice
            elif isinstance(known, int):
                if len(notice.systems) > known:
                    yield notice
            elif more := tuple(system for system in notice.systems if _short(system.key) not in known):
                yield replace(notice, systems=more, volumes=())

    def save(self, run: datetime, notices: Sequence[Notice]) -> None:
        # What could not be read this time may be as it was told before.
        is_part = any(notice.degree is Degree.NOT_KNOWN or notice.code == TARGETS for notice in notices)
        told: dict[str, Any] = dict(self._body.get("told", {})) if is_part else {}
        for notice in notices:
            systems = [_short(system.key) for system in notice.systems]
            told[_key(notice)] = systems if len(systems) <= _MOST else len(systems)
        self._notes.save(kinds.PREFLIGHT_NOTES, self._hunt, {"run": run.isoformat(), "told": told})


def _key(notice: Notice) -> str:
    return f"{notice.code}:{_short(notice.what)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
