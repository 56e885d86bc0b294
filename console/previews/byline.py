"""The line above a message: who sent it, when, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from console.previews.elements import Child, el


@dataclass(frozen=True)
class Byline:
    """`at`: when the message was sent; None if it is not known. `notes` such as “edited”."""

    at: datetime | None = None
    notes: tuple[str, ...] = ()

    def drawn(self, who: str, *beside: Child) -> Markup:
        notes = (el("span", "small", note) for note in self.notes)
        return el("p", "by", el("b", "", who), *beside, self.time(), *notes)

    def time(self) -> Markup | None:
        return time(self.at) if self.at else None


def time(at: datetime) -> Markup:
    """A time in UTC."""
    utc = at.astimezone(UTC)
    return el(
        "time", "small", f"{utc:%H:%M:%S}", datetime=utc.isoformat(), title=f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    )
