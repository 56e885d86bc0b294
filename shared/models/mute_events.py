"""What people are told about a mute: that somebody has added it, and that it ends soon."""

from __future__ import annotations

from datetime import datetime

from shared.models.events import Event
from shared.models.mutes import Mute
from shared.phrases import counted, utc_minute
from shared.text import one_line


def mute_event(kind: str, mute: Mute, at: datetime, hits: int | None = None) -> Event:
    """The event `muted` or `mute_ending`. Its title says what is muted; its text says until when, whose
    decision it was, why, and how many alarms it has covered."""
    lines = [
        f"until: {utc_minute(mute.until)}" + (", or the next hunt" if mute.until_next_hunt else ""),
        f"by: {one_line(mute.by, 80)}",
        f"why: {one_line(mute.why, 300)}",
        *(["malicious findings too"] if mute.malicious else []),
        *([f"covered: {counted(hits, 'alarm')}"] if hits is not None else []),
        f"mute: {mute.id}",
    ]
    id = f"{kind}:{mark(mute)}"
    return Event(id, kind, at, title=one_line(mute.match.words, 300), text="\n".join(lines))


def mark(mute: Mute) -> str:
    """Stands for the mute and its end: a mute of the configuration that gets another end is told of again."""
    return f"{mute.id}:{mute.until:%Y-%m-%dT%H:%M}"
