"""A notice as one line: what, on which systems, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.wording import some_of
from shared.models.preflight import Notice
from shared.models.systems import System
from shared.phrases import counted
from shared.text import one_line


def line(notice: Notice) -> str:
    """Such as "fails: its SSM agent is not online, on 2 systems: i-1, i-2; start the agent"."""
    text = f"{notice.degree}: {notice.what}"
    if notice.systems:
        text += f", on {counted(len(notice.systems), 'system')}: {names(notice.systems)}"
    if notice.volumes:
        text += f" ({some_of(notice.volumes)})"
    return text + (f"; {notice.do}" if notice.do else "")


def names(systems: Sequence[System]) -> str:
    return some_of([one_line(system.title, 100) for system in systems])
